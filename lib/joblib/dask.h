// joblib::dask: a real Dask cluster beside the program.
//
//   joblib::dask::LocalCluster cluster({.n_workers = 2});
//   joblib::parallel_config scope({.backend = "dask"});  // Runs on it.
//
// Needs Python 3 with the package dask[distributed]: the interpreter is that of
// the variable JOBLIB_PYTHON, else python3. Source: dask.distributed.
#ifndef JOBLIB_DASK_H_
#define JOBLIB_DASK_H_

#include <memory>
#include <string>

namespace joblib::dask {

// Of a LocalCluster.
struct LocalClusterOptions {
  int n_workers = 0;                   // 0: cpu_count().
  int threads_per_worker = 1;          // So many tasks run at once there.
  std::string memory_limit = "";       // Of each worker, "2GB"; "": Dask's own.
  std::string dashboard_address = "";  // "127.0.0.1:8787"; "": no dashboard.
};

// A scheduler and its workers on this machine, as long as it lives; they never
// outlive the program. The last one made is the one that backend "dask" uses
// where no scheduler_host is given. Thread-safety: like a plain value.
class LocalCluster {
 public:
  // Throws std::invalid_argument for a negative count, std::runtime_error with
  // what to do where Python or Dask is missing.
  explicit LocalCluster(const LocalClusterOptions& options = {});
  LocalCluster(const LocalCluster&) = delete;
  ~LocalCluster();  // Waits for the end of all its processes.

  // Of the scheduler: what scheduler_host takes.
  const std::string& address() const { return address_; }
  // The page that shows it at work; empty: none was asked for.
  const std::string& dashboard_link() const { return dashboard_link_; }

 private:
  std::shared_ptr<void> handle_;
  std::string address_, dashboard_link_;
};

}  // namespace joblib::dask

#endif  // JOBLIB_DASK_H_
