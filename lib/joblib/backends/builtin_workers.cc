#include "joblib/backends/builtin_workers.h"

#include "joblib/backends/builtin_backends.h"
#include "joblib/backends/cluster/stream_worker.h"
#include "joblib/backends/multiprocessing/multiprocessing_call.h"
#include "joblib/backends/platform.h"
#include "joblib/backends/process/code_modules.h"
#include "joblib/backends/process/worker_loop.h"
#include "joblib/core/batch_bytes.h"
#include "joblib/core/code_refs.h"
#include "native/main_hook.h"
#include "native/thread.h"

namespace joblib::internal {
namespace {

void ServeAsWorker(const native::WorkerStart& start) {
  SetProcessKind(ProcessKind::kLokyWorker);
  if (start.bells < 0) RunStreamWorker(start);
  RunWorker(start, DefaultTaskConfig);
}

[[maybe_unused]] const bool connected_before_main = [] {
  ConnectWorkers();
  return true;
}();

}  // namespace

void ConnectWorkers() {
  [[maybe_unused]] static const bool connected = [] {
    static CodeModules* const modules = new CodeModules;
    SetCodeRefs(modules);
    native::SetWorkerMain(ServeAsWorker);
    SetForkedTaskConfig(DefaultTaskConfig);
    SetShippedTaskConfig(DefaultTaskConfig);
    SetShippedProcessId(native::ProcessId);
    return true;
  }();
}

}  // namespace joblib::internal
