// ClusterBackend: what the backends of the two engines have in common.
#ifndef JOBLIB_BACKENDS_CLUSTER_CLUSTER_BACKEND_H_
#define JOBLIB_BACKENDS_CLUSTER_CLUSTER_BACKEND_H_

#include <memory>

#include "joblib/backends/cluster/connection.h"
#include "joblib/core/backend_access.h"
#include "joblib/core/batch_state.h"
#include "joblib/core/parallel_backend_base.h"

namespace joblib {

class ClusterBackend : public ParallelBackendBase {
 public:
  void submit(Batch batch) override;
  NJobs default_n_jobs() const override { return -1; }

 protected:
  // `params`: as the registry's factory gets them.
  ClusterBackend(internal::ClusterAddress address, BackendParams params,
                 internal::BackendAccess::AutoBatch auto_batch);
  const internal::ClusterAddress& address() const { return address_; }
  const BackendParams& params() const { return params_; }
  // How many tasks the cluster can run at once; waits up to `wait_seconds` for
  // its first worker. Throws TimeoutError: it has none.
  int ClusterSlots(double wait_seconds) const;
  // Whether a call has to be a plain loop: before main() there are no workers.
  static bool MustBePlainLoop();
  // Of `params`, those that the engine gets with each batch.
  virtual BackendParams SubmitOptions(const BackendParams& params) const = 0;

 private:
  std::shared_ptr<internal::BackendCall> BeginCall(
      const std::shared_ptr<internal::BatchReceiver>& call,
      const internal::CallTraits& traits) override;

  const internal::ClusterAddress address_;
  const BackendParams params_;
};

}  // namespace joblib

#endif  // JOBLIB_BACKENDS_CLUSTER_CLUSTER_BACKEND_H_
