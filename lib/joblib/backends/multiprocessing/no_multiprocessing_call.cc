#include "joblib/backends/multiprocessing/multiprocessing_call.h"

namespace joblib::internal {

std::shared_ptr<BackendCall> BeginMultiprocessingCall(
    const ParallelBackendBase&, const std::shared_ptr<BatchReceiver>&,
    const CallTraits&) {
  return nullptr;
}

void SetForkedTaskConfig(ConfigRef (*)(int)) {}

}  // namespace joblib::internal
