#include <stdexcept>

#include "joblib/backends/builtin_clusters.h"

namespace joblib::internal {
namespace {

[[noreturn]] void NotHere() {
  throw std::runtime_error(
      "The cluster backends need processes, and there are none on this "
      "platform. Use backend=\"threading\".");
}

}  // namespace

void RegisterDask(BackendRegistry&) {}
void RegisterRay(BackendRegistry&) { NotHere(); }
bool IsDask(const ParallelBackendBase&) { return false; }
bool IsRay(const ParallelBackendBase&) { return false; }
DaskCluster StartDaskCluster(const BackendParams&) { NotHere(); }
void ShutdownClusters() {}

}  // namespace joblib::internal
