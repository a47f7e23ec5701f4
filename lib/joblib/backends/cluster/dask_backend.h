// DaskDistributedBackend: tasks run on the workers of a Dask cluster, by Dask's
// own client. As in joblib n_jobs is ignored: there are as many workers as the
// cluster's have threads.
//
// Parameters: scheduler_host (else the last joblib::dask::LocalCluster of this
// program, else DASK_SCHEDULER_ADDRESS), wait_for_workers_timeout (seconds,
// 10), connect_timeout (seconds, 10), python; and Dask's own options for each
// batch: resources, priority, workers, retries, allow_other_workers.
#ifndef JOBLIB_BACKENDS_CLUSTER_DASK_BACKEND_H_
#define JOBLIB_BACKENDS_CLUSTER_DASK_BACKEND_H_

#include <memory>
#include <string>

#include "joblib/backends/cluster/cluster_backend.h"

namespace joblib {

class DaskDistributedBackend final : public ClusterBackend {
 public:
  // Throws std::invalid_argument where no scheduler is known, or for a
  // parameter of the wrong kind.
  explicit DaskDistributedBackend(const BackendParams& params);

  // Connects. Throws TimeoutError: no worker.
  int effective_n_jobs(NJobs n_jobs) const override;

 private:
  BackendParams SubmitOptions(const BackendParams& params) const override;
};

namespace internal {

// In a worker of a Dask cluster: the backend of its tasks' own calls, which go
// to the scheduler at `address` by way of `bridge`.
std::shared_ptr<ParallelBackendBase> NestedDask(const std::string& address,
                                                std::shared_ptr<Bridge> bridge);

// A scheduler with workers beside this program.
class DaskLocalCluster {
 public:
  // Throws what went wrong.
  explicit DaskLocalCluster(const BackendParams& options);
  DaskLocalCluster(const DaskLocalCluster&) = delete;
  ~DaskLocalCluster();  // Waits until all of it has ended.
  const std::string& address() const { return address_; }
  const std::string& dashboard() const { return dashboard_; }

 private:
  std::shared_ptr<Bridge> bridge_;
  std::string address_, dashboard_;
};

}  // namespace internal
}  // namespace joblib

#endif  // JOBLIB_BACKENDS_CLUSTER_DASK_BACKEND_H_
