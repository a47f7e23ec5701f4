#include "native/cpu_count.h"

#include <algorithm>
#include <atomic>
#include <climits>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>

#include "absl/base/attributes.h"
#include "absl/base/const_init.h"
#include "absl/base/thread_annotations.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "absl/synchronization/mutex.h"
#include "native/cgroup_quota.h"
#include "native/environment.h"

namespace joblib::native {
namespace {

// Python's int(text): blanks around, a sign, digits with single underscores
// between them. Beyond an int it is the nearest int. (Python takes the digits
// of all scripts; here they are ASCII.)
std::optional<int> ParsePythonInt(std::string_view text) {
  text = absl::StripAsciiWhitespace(text);
  const bool negative = absl::ConsumePrefix(&text, "-");
  if (!negative) absl::ConsumePrefix(&text, "+");
  if (text.empty() || text.front() == '_' || text.back() == '_') {
    return std::nullopt;
  }
  std::int64_t value = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '_' && text[i - 1] != '_') continue;
    if (!absl::ascii_isdigit(static_cast<unsigned char>(text[i]))) {
      return std::nullopt;
    }
    value = std::min<std::int64_t>(value * 10 + (text[i] - '0'), INT_MAX);
  }
  return static_cast<int>(negative ? -value : value);
}

// The limit that the files at the root set, the only ones that joblib reads.
std::optional<int> RootCgroupLimit(const Machine& machine) {
  if (machine.cgroup_v2.has_value()) return ParseCpuMax(*machine.cgroup_v2);
  if (!machine.cgroup_v1.has_value()) return std::nullopt;
  return ParseCfs(machine.cgroup_v1->quota, machine.cgroup_v1->period);
}

CpuCountAnswer NotAnInteger(std::string_view value) {
  constexpr std::size_t kShown = 80;
  return {.error = absl::StrCat(
              "LOKY_MAX_CPU_COUNT must be an integer, not '",
              absl::Utf8SafeCEscape(value.substr(0, kShown)),
              value.size() > kShown ? "..." : "",
              "'. Set it to the number of CPUs to use, or unset it.")};
}

// Of a test. Behind a flag: CpuCount is in the path of each call.
std::atomic<bool> has_test_machine = false;
ABSL_CONST_INIT absl::Mutex test_machine_mutex(absl::kConstInit);
std::optional<Machine>& TestMachine()
    ABSL_EXCLUSIVE_LOCKS_REQUIRED(test_machine_mutex) {
  static auto& machine = *new std::optional<Machine>;
  return machine;
}

Machine MachineForCount() {
  if (has_test_machine.load(std::memory_order_acquire)) {
    absl::MutexLock lock(&test_machine_mutex);
    if (TestMachine().has_value()) return *TestMachine();
  }
  return CurrentMachine();
}

}  // namespace

bool MultiprocessingIsOff() {
  const std::optional<std::string> value = GetEnv("JOBLIB_MULTIPROCESSING");
  return value.has_value() && ParsePythonInt(*value) == 0;
}

CpuCountAnswer CountCpus(const Machine& machine,
                         const std::optional<std::string>& loky_max_cpu_count,
                         bool only_physical_cores) {
  const int os_count = std::max(machine.os_cpu_count.value_or(1), 1);
  int limit = os_count;
  for (const std::optional<int> other :
       {machine.affinity, machine.cgroup_limit, RootCgroupLimit(machine)}) {
    limit = std::min(limit, other.value_or(os_count));
  }
  if (loky_max_cpu_count.has_value()) {
    const std::optional<int> wish = ParsePythonInt(*loky_max_cpu_count);
    if (!wish.has_value()) return NotAnInteger(*loky_max_cpu_count);
    limit = std::min(limit, *wish);
  }
  const int logical = std::max(limit, 1);
  if (!only_physical_cores || limit < os_count) return {.count = logical};

  CoreCount physical = machine.physical_cores.has_value()
                           ? *machine.physical_cores
                           : PhysicalCores();
  if (physical.problem.empty() && physical.count < 1) {
    physical.problem =
        absl::StrCat("found ", physical.count, " physical cores < 1");
  }
  if (physical.problem.empty()) return {.count = physical.count};
  return {
      .count = logical,
      .warning = absl::StrCat(
          "Could not find the number of physical cores for the following "
          "reason:\n",
          physical.problem,
          "\nReturning the number of logical cores instead. You can silence "
          "this warning by setting LOKY_MAX_CPU_COUNT to the number of "
          "cores you want to use.")};
}

CpuCountAnswer CpuCount(bool only_physical_cores) {
  return CountCpus(MachineForCount(), GetEnv("LOKY_MAX_CPU_COUNT"),
                   only_physical_cores);
}

void SetMachineForTest(std::optional<Machine> machine) {
  absl::MutexLock lock(&test_machine_mutex);
  has_test_machine.store(machine.has_value(), std::memory_order_release);
  TestMachine() = std::move(machine);
}

}  // namespace joblib::native
