// The cluster backends, as the rest of the library sees them: without a word of
// theirs where there are no processes (no_clusters.cc).
#ifndef JOBLIB_BACKENDS_BUILTIN_CLUSTERS_H_
#define JOBLIB_BACKENDS_BUILTIN_CLUSTERS_H_

#include <memory>
#include <string>

#include "joblib/core/backend_params.h"

namespace joblib {
class ParallelBackendBase;
}
namespace joblib::internal {

class BackendRegistry;

// Makes "dask" known, where it can be.
void RegisterDask(BackendRegistry& registry);
// The same for "ray"; throws std::runtime_error where it can't.
void RegisterRay(BackendRegistry& registry);
// Whether `backend` is one of these, and the parameters it has.
bool IsDask(const ParallelBackendBase& backend);
bool IsRay(const ParallelBackendBase& backend);

// A running Dask cluster beside the program, which lives as long as `handle`.
struct DaskCluster {
  std::shared_ptr<void> handle;
  std::string address, dashboard;
};
// `options`: keywords of dask.distributed.LocalCluster. Throws
// std::runtime_error.
DaskCluster StartDaskCluster(const BackendParams& options);

// Ends the connections with clusters.
void ShutdownClusters();

}  // namespace joblib::internal

#endif  // JOBLIB_BACKENDS_BUILTIN_CLUSTERS_H_
