#include "joblib/backends/builtin_clusters.h"

#include <typeinfo>

#include "joblib/backends/cluster/connection.h"
#include "joblib/backends/cluster/dask_backend.h"
#include "joblib/backends/cluster/ray_backend.h"
#include "joblib/backends/platform.h"
#include "joblib/core/backend_access.h"
#include "joblib/core/backend_registry.h"
#include "joblib/core/first_copy.h"

namespace joblib::internal {
namespace {

template <class B>
std::shared_ptr<ParallelBackendBase> Make(const BackendParams& params) {
  auto backend = std::make_shared<B>(params);
  BackendAccess::SetParams(*backend, params);
  return backend;
}

void OwnRegisterRay(BackendRegistry& registry) {
  registry.Register("ray", Make<RayBackend>, false);
}

DaskCluster OwnStartDask(const BackendParams& options) {
  auto cluster = std::make_shared<DaskLocalCluster>(options);
  return {cluster, cluster->address(), cluster->dashboard()};
}

struct ClusterFunctions {
  void (*register_ray)(BackendRegistry& registry);
  DaskCluster (*start_dask)(const BackendParams& options);
};

}  // namespace

JOBLIB_COPY_OF("clusters", ClusterFunctions, joblib_copy_clusters,
               {OwnRegisterRay, OwnStartDask})

namespace {
const ClusterFunctions& TheClusters() {
  static const ClusterFunctions& first =
      FirstCopy("clusters", joblib_copy_clusters);
  return first;
}
}  // namespace

void RegisterDask(BackendRegistry& registry) {
  if (!ProcessesAvailable()) return;
  registry.Register("dask", Make<DaskDistributedBackend>, false);
}

bool IsDask(const ParallelBackendBase& backend) {
  return typeid(backend) == typeid(DaskDistributedBackend);
}

bool IsRay(const ParallelBackendBase& backend) {
  return typeid(backend) == typeid(RayBackend);
}

void RegisterRay(BackendRegistry& registry) {
  TheClusters().register_ray(registry);
}

DaskCluster StartDaskCluster(const BackendParams& options) {
  return TheClusters().start_dask(options);
}

void ShutdownClusters() { DisconnectAll(); }

}  // namespace joblib::internal
