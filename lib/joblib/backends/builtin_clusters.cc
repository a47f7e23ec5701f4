#include "joblib/backends/builtin_clusters.h"

#include <typeinfo>

#include "joblib/backends/cluster/connection.h"
#include "joblib/backends/cluster/dask_backend.h"
#include "joblib/backends/cluster/ray_backend.h"
#include "joblib/backends/platform.h"
#include "joblib/core/backend_access.h"
#include "joblib/core/backend_registry.h"

namespace joblib::internal {
namespace {

template <class B>
std::shared_ptr<ParallelBackendBase> Make(const BackendParams& params) {
  auto backend = std::make_shared<B>(params);
  BackendAccess::SetParams(*backend, params);
  return backend;
}

}  // namespace

void RegisterDask(BackendRegistry& registry) {
  if (!ProcessesAvailable()) return;
  registry.Register("dask", Make<DaskDistributedBackend>, false);
}

void RegisterRay(BackendRegistry& registry) {
  registry.Register("ray", Make<RayBackend>, false);
}

bool IsDask(const ParallelBackendBase& backend) {
  return typeid(backend) == typeid(DaskDistributedBackend);
}

bool IsRay(const ParallelBackendBase& backend) {
  return typeid(backend) == typeid(RayBackend);
}

DaskCluster StartDaskCluster(const BackendParams& options) {
  auto cluster = std::make_shared<DaskLocalCluster>(options);
  return {cluster, cluster->address(), cluster->dashboard()};
}

void ShutdownClusters() { DisconnectAll(); }

}  // namespace joblib::internal
