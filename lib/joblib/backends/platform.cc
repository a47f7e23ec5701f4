#include "joblib/backends/platform.h"

#include <atomic>
#include <stdexcept>
#include <string>

#include "joblib/core/first_copy.h"
#include "joblib/core/warning.h"
#include "native/affinity.h"
#include "native/cpu_count.h"
#include "native/processes.h"
#include "native/thread.h"

namespace joblib::internal {
namespace {

// Asked once, as joblib does when it is imported.
constexpr int kNotAsked = -1;
std::atomic<int> multiprocessing_is_off = kNotAsked;

bool MultiprocessingIsOff() {
  int is_off = multiprocessing_is_off.load(std::memory_order_relaxed);
  if (is_off == kNotAsked) {
    is_off = native::MultiprocessingIsOff() ? 1 : 0;
    multiprocessing_is_off.store(is_off, std::memory_order_relaxed);
  }
  return is_off == 1;
}

// Of a test, as bits of one word: it is read in the path of each call.
constexpr int kPretends = 1;
constexpr int kWithProcesses = 2;
constexpr int kWithThreads = 4;
std::atomic<int> pretended = 0;

std::atomic<ProcessKind> process_kind = ProcessKind::kProgram;

std::atomic<bool> warned_of_cores = false;
std::atomic<bool> warned_of_affinity = false;

// Warns at the first answer that has a warning, as joblib does.
void WarnOnce(std::atomic<bool>& warned, const std::string& warning) {
  if (warning.empty() || warned.exchange(true)) return;
  Warn(warning);
}

Platform CurrentPlatform() {
  const int bits = pretended.load(std::memory_order_relaxed);
  if (bits == 0) return OwnPlatform();
  return {.processes = (bits & kWithProcesses) != 0,
          .threads = (bits & kWithThreads) != 0};
}

using ProcessKindOf = std::atomic<ProcessKind>*;

}  // namespace

JOBLIB_COPY_OF("process_kind", ProcessKindOf, joblib_copy_process_kind,
               &process_kind)

int CpuCount(bool only_physical_cores) {
  if (MultiprocessingIsOff()) return 1;
  const native::CpuCountAnswer answer = native::CpuCount(only_physical_cores);
  if (!answer.error.empty()) throw std::invalid_argument(answer.error);
  WarnOnce(warned_of_cores, answer.warning);
  WarnOnce(warned_of_affinity, native::AffinityWarning());
  return answer.count;
}

Platform OwnPlatform() {
  return {.processes = native::HasProcesses(),
          .threads = native::CanStartThreads()};
}

void PretendPlatformForTest(std::optional<Platform> platform) {
  int bits = 0;
  if (platform.has_value()) {
    bits = kPretends | (platform->processes ? kWithProcesses : 0) |
           (platform->threads ? kWithThreads : 0);
  }
  pretended = bits;
  multiprocessing_is_off = kNotAsked;
  warned_of_cores = false;
  warned_of_affinity = false;
}

ProcessKind CurrentProcessKind() {
  static const ProcessKindOf& first =
      FirstCopy("process_kind", joblib_copy_process_kind);
  return first->load(std::memory_order_relaxed);
}

void SetProcessKind(ProcessKind kind) {
  FirstCopy("process_kind", joblib_copy_process_kind)->store(kind);
}

bool ProcessesAvailable() {
  return CurrentPlatform().processes && !MultiprocessingIsOff();
}

bool ThreadsAvailable() {
  return CurrentPlatform().threads && !MultiprocessingIsOff();
}

}  // namespace joblib::internal
