// joblib::dask: a real Dask cluster beside the program.
//
// Not available in this build yet: constructing a LocalCluster throws
// std::runtime_error with these words.
#ifndef JOBLIB_DASK_H_
#define JOBLIB_DASK_H_

#include <stdexcept>
#include <string>

namespace joblib::dask {

struct LocalClusterOptions {
  int n_workers = 0;  // 0: cpu_count().
  int threads_per_worker = 1;
  std::string memory_limit = "";
  std::string dashboard_address = "";
};

class LocalCluster {
 public:
  explicit LocalCluster(const LocalClusterOptions& = {}) {
    throw std::runtime_error(
        "joblib::dask (clusters) is not available in this build of joblib. Use "
        "backend=\"threading\".");
  }
  LocalCluster(const LocalCluster&) = delete;
  const std::string& address() const { return address_; }

 private:
  std::string address_;
};

}  // namespace joblib::dask

#endif  // JOBLIB_DASK_H_
