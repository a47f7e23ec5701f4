// RayBackend: tasks run as plain Ray tasks on a Ray cluster (they balance and
// retry better than the actors that joblib uses there), by Ray's own client.
//
// The cluster is that of RAY_ADDRESS; without it a local Ray is started, which
// ends with the program or at joblib::shutdown(). Parameters: ray_remote_args
// (a map: Ray's options for each batch, num_cpus and the like),
// connect_timeout (seconds, 10), python.
#ifndef JOBLIB_BACKENDS_CLUSTER_RAY_BACKEND_H_
#define JOBLIB_BACKENDS_CLUSTER_RAY_BACKEND_H_

#include "joblib/backends/cluster/cluster_backend.h"

namespace joblib {

class RayBackend final : public ClusterBackend {
 public:
  // Throws std::invalid_argument for a parameter of the wrong kind.
  explicit RayBackend(const BackendParams& params);

  // -1: the cluster's CPUs; other negative values count back from this
  // machine's. Connects. Throws std::invalid_argument for more than the cluster
  // has.
  int effective_n_jobs(NJobs n_jobs) const override;

 private:
  BackendParams SubmitOptions(const BackendParams& params) const override;
};

}  // namespace joblib

#endif  // JOBLIB_BACKENDS_CLUSTER_RAY_BACKEND_H_
