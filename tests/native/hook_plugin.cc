// A library that brings the hook along, for a program that never reaches it.
// Returns 0 if a worker did its work.

#include "native/main_hook.h"
#include "tests/native/own_worker.h"

extern "C" int RunHookPlugin() {
  using namespace joblib::native;
  if (!MainHasBegun()) return 30;
  OwnWorker worker;
  const absl::Status started =
      worker.Start([](WorkerPage& page, const WorkerStart&) {
        page.numbers[0] = HookActive() ? 42 : 41;
        const char* const preload = std::getenv("LD_PRELOAD");
        page.SetText(preload == nullptr ? "unset" : preload);
      });
  if (!started.ok()) return 31;
  if (OwnWorker::Describe(worker.WaitForEnd()) != "EXIT(0)") return 32;
  if (worker.page().numbers[0] != 42) return 33;
  const char* const ours = std::getenv("LD_PRELOAD");
  return worker.page().text == std::string(ours == nullptr ? "unset" : ours)
             ? HookActive()  // 1: it was reached, and the test shows nothing.
             : 34;
}
