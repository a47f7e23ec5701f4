// What MultiprocessingBackend does where there are processes:
// multiprocessing_call.cc; where there are none it never comes to it:
// no_multiprocessing_call.cc.
#ifndef JOBLIB_BACKENDS_MULTIPROCESSING_MULTIPROCESSING_CALL_H_
#define JOBLIB_BACKENDS_MULTIPROCESSING_MULTIPROCESSING_CALL_H_

#include <memory>

#include "joblib/core/batch_state.h"
#include "joblib/core/config.h"
#include "joblib/core/parallel_backend_base.h"

namespace joblib::internal {

std::shared_ptr<BackendCall> BeginMultiprocessingCall(
    const ParallelBackendBase& backend,
    const std::shared_ptr<BatchReceiver>& receiver, const CallTraits& traits);

// Before main: what the tasks of a level see.
void SetForkedTaskConfig(ConfigRef (*task_config)(int nesting_level));

}  // namespace joblib::internal

#endif  // JOBLIB_BACKENDS_MULTIPROCESSING_MULTIPROCESSING_CALL_H_
