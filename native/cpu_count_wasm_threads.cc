#include <emscripten.h>
#include <emscripten/threading.h>

#include "native/cpu_count.h"

namespace joblib::native {
namespace {

// The module's option `cpuCount`, which a page gives with the size of the pool;
// navigator.hardwareConcurrency, or node's os.cpus(). It never changes.
int LogicalCores() {
  static const int cores = [] {
    const int given =
        MAIN_THREAD_EM_ASM_INT({ return Module["cpuCount"] | 0; });
    return given > 0 ? given : emscripten_num_logical_cores();
  }();
  return cores;
}

}  // namespace

// WebAssembly tells logical processors only: they stand for cores too.
Machine ReadMachine(const std::string& /*root*/) {
  return {.os_cpu_count = LogicalCores(), .physical_cores = LogicalCores()};
}

Machine CurrentMachine() { return ReadMachine(); }

CoreCount PhysicalCores() { return LogicalCores(); }

}  // namespace joblib::native
