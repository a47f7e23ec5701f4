#include "joblib/backends/loky/loky_call.h"

namespace joblib::internal {

// Not asked for here but by tests that pretend another platform.
bool MayStartWorkers() { return true; }

std::shared_ptr<BackendCall> BeginLokyCall(
    const ParallelBackendBase&, const std::shared_ptr<BatchReceiver>&,
    const CallTraits&) {
  return nullptr;
}

void ShutdownLoky() {}

PoolView LokyPoolForTest() { return {}; }

}  // namespace joblib::internal
