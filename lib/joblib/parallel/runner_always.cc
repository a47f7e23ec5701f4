#include "joblib/core/setting.h"
#include "joblib/parallel/call_runner.h"

namespace joblib::internal {

const RunnerFunctions& Runners() { return kDispatcherFunctions; }

void ExpectWorkers() {}

}  // namespace joblib::internal
