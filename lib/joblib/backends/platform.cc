#include "joblib/backends/platform.h"

#include <cstdlib>
#include <stdexcept>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "joblib/core/warning.h"
#include "native/affinity.h"
#include "native/cpu_count.h"
#include "native/processes.h"
#include "native/thread.h"

namespace joblib::internal {
namespace {

bool MultiprocessingIsOff() {
  const char* value = std::getenv("JOBLIB_MULTIPROCESSING");
  return value != nullptr && std::string_view(value) == "0";
}

// Warns at the first answer that has a warning, as joblib does.
void WarnOnce(bool& warned, const std::string& warning) {
  if (warning.empty() || warned) return;
  warned = true;
  Warn(warning);
}

}  // namespace

int CpuCount(bool only_physical_cores) {
  const absl::StatusOr<native::CpuCountAnswer> answer =
      native::CpuCount(only_physical_cores);
  if (!answer.ok()) {
    throw std::invalid_argument(std::string(answer.status().message()));
  }
  static bool physical_warned = false;
  static bool affinity_warned = false;
  WarnOnce(physical_warned, answer->warning);
  WarnOnce(affinity_warned, native::AffinityWarning());
  return answer->count;
}

bool ProcessesAvailable() {
  return native::HasProcesses() && !MultiprocessingIsOff();
}

bool ThreadsAvailable() {
  return native::CanStartThreads() && !MultiprocessingIsOff();
}

}  // namespace joblib::internal
