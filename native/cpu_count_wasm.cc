#include "native/cpu_count.h"

namespace joblib::native {

// One thread, one processor, whatever the machine has.
Machine ReadMachine(const std::string& /*root*/) {
  return {.os_cpu_count = 1, .physical_cores = 1};
}

Machine CurrentMachine() { return ReadMachine(); }

CoreCount PhysicalCores() { return 1; }

}  // namespace joblib::native
