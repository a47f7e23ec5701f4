#include <emscripten/threading.h>

#include "native/cpu_count.h"

namespace joblib::native {
namespace {

// navigator.hardwareConcurrency, or node's os.cpus(). It never changes.
int LogicalCores() {
  static const int cores = emscripten_num_logical_cores();
  return cores;
}

}  // namespace

// WebAssembly tells logical processors only: they stand for cores too.
Machine ReadMachine(const std::string& /*root*/) {
  return {.os_cpu_count = LogicalCores(), .physical_cores = LogicalCores()};
}

Machine CurrentMachine() { return ReadMachine(); }

absl::StatusOr<int> PhysicalCores() { return LogicalCores(); }

}  // namespace joblib::native
