#include "tests/conformance/fresh_process.h"

#include <cstdlib>
#include <string_view>
#include <thread>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "joblib/backends/builtin_backends.h"
#include "joblib/core/setting.h"
#include "native/cpu_count.h"
#include "native/environment.h"

namespace joblib::conformance {
namespace {

// Of these joblib reads all, or most.
bool JoblibReads(std::string_view variable) {
  if (variable == "JOBLIB_CONFORMANCE_DIR") return false;  // It is ours.
  for (std::string_view prefix : {"JOBLIB_", "LOKY_"}) {
    if (absl::StartsWith(variable, prefix)) return true;
  }
  for (std::string_view suffix : {"_NUM_THREADS", "_MAXIMUM_THREADS"}) {
    if (absl::EndsWith(variable, suffix)) return true;
  }
  for (std::string_view name : {"ENABLE_IPC", "TMPDIR", "TEMP", "TMP"}) {
    if (variable == name) return true;
  }
  return false;
}

std::optional<int> ToInt(const Json* number) {
  if (number == nullptr || number->is_null()) return std::nullopt;
  return static_cast<int>(number->integer());
}

native::CoreCount ToPhysicalCores(const Json& cores) {
  // "error": joblib's lscpu could not be run.
  if (cores.is_text()) return native::CoreCount::Unknown("no lscpu");
  return static_cast<int>(cores.integer());
}

native::Machine ToMachine(const Json& json) {
  native::Machine machine = {.os_cpu_count = ToInt(json.Find("os_cpu_count")),
                             .affinity = ToInt(json.Find("affinity"))};
  if (const Json* cores = json.Find("physical_cores")) {
    machine.physical_cores = ToPhysicalCores(*cores);
  }
  if (const Json* cpu_max = json.Find("cgroup_v2")) {
    machine.cgroup_v2 = absl::StrCat(cpu_max->text(), "\n");
  }
  if (const Json* cfs = json.Find("cgroup_v1")) {
    machine.cgroup_v1 = {
        .quota = absl::StrCat(cfs->items().at(0).integer(), "\n"),
        .period = absl::StrCat(cfs->items().at(1).integer(), "\n")};
  }
  return machine;
}

}  // namespace

FreshProcess::FreshProcess(const Json& env, const Json& machine,
                           std::optional<internal::Platform> platform)
    : former_(TakeVariables()) {
  for (const auto& [name, value] : env.members()) {
    setenv(name.c_str(), value.text().c_str(), /*overwrite=*/1);
  }
  internal::ShutdownBackends();
  if (!machine.is_null()) native::SetMachineForTest(ToMachine(machine));
  if (platform == internal::OwnPlatform()) platform.reset();
  internal::PretendPlatformForTest(platform);
  internal::ExpectWorkers();  // Of a platform that has more than this one.
  internal::ResetRegistryForTest();
}

FreshProcess::~FreshProcess() {
  internal::ShutdownBackends();
  TakeVariables();
  for (const auto& [name, value] : former_) {
    setenv(name.c_str(), value.c_str(), /*overwrite=*/1);
  }
  native::SetMachineForTest(std::nullopt);
  internal::PretendPlatformForTest(std::nullopt);
  internal::ResetRegistryForTest();
}

std::vector<FreshProcess::Variable> FreshProcess::TakeVariables() {
  std::vector<Variable> taken;
  for (const std::string& variable : native::Environment()) {
    const std::size_t end = variable.find('=');
    const std::string name = variable.substr(0, end);
    if (end == variable.npos || !JoblibReads(name)) continue;
    taken.push_back({.name = name, .value = variable.substr(end + 1)});
    unsetenv(name.c_str());
  }
  return taken;
}

void RunInNewThread(const std::function<void()>& body) {
  if (internal::OwnPlatform().threads) {
    std::thread(body).join();
  } else {
    const internal::ThreadStateScope thread(internal::ConfigRef(), nullptr);
    body();
  }
}

}  // namespace joblib::conformance
