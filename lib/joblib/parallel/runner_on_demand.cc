// Where there are no threads.
#include "joblib/core/setting.h"
#include "joblib/parallel/call_runner.h"

namespace joblib::internal {
namespace {

const RunnerFunctions* runners = nullptr;

}  // namespace

const RunnerFunctions& Runners() { return *runners; }

void ExpectWorkers() { runners = &kDispatcherFunctions; }

}  // namespace joblib::internal
