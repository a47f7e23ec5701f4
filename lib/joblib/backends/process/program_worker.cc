#include "joblib/backends/process/program_worker.h"

#include <algorithm>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "joblib/core/warning.h"
#include "native/affinity.h"
#include "native/child_process.h"
#include "native/main_hook.h"
#include "native/worker_process.h"

namespace joblib::internal {
namespace {

// With these a worker's OpenMP runtime would pin it to the CPU of all others.
constexpr const char* kPinning[] = {"OMP_PROC_BIND", "OMP_PLACES",
                                    "GOMP_CPU_AFFINITY", "KMP_AFFINITY"};

void Erase(std::vector<std::string>* environment, const std::string& name) {
  environment->erase(std::remove_if(environment->begin(), environment->end(),
                                    [&](const std::string& entry) {
                                      return absl::StartsWith(entry,
                                                              name + "=");
                                    }),
                     environment->end());
}

}  // namespace

WorkerStarter ProgramWorkerStarter(
    const std::vector<EnvironmentVariable>& environment) {
  auto surroundings = std::make_shared<const native::Surroundings>(
      native::Surroundings::Take());
  std::vector<std::string> entries = surroundings->environment;
  if (native::PinnedBy().has_value()) {
    for (const char* name : kPinning) Erase(&entries, name);
  }
  Erase(&entries, native::kWorkerLocale);
  entries.push_back(
      absl::StrCat(native::kWorkerLocale, "=", surroundings->locale));
  for (const EnvironmentVariable& variable : environment) {
    Erase(&entries, variable.name);
    entries.push_back(absl::StrCat(variable.name, "=", variable.value));
  }
  const absl::StatusOr<std::vector<std::string>> can =
      native::WorkerEnvironment({}, entries);
  if (!can.ok()) throw std::runtime_error(std::string(can.status().message()));
  return [surroundings = std::move(surroundings), entries = std::move(entries)](
             WorkerLink& link) -> absl::StatusOr<native::ChildProcess> {
    native::WorkerStart start;
    start.channel = link.channel().fd();
    start.socket = link.workers_socket.fd();
    start.bells = Keeper::Get().bells().fd();
    start.nonce = link.channel().header().nonce;
    absl::StatusOr<std::vector<std::string>> all =
        native::WorkerEnvironment(start, entries);
    if (!all.ok()) return all.status();
    native::ChildProcess::Request request;
    request.environment = *std::move(all);
    request.surroundings = surroundings.get();
    request.descriptors = {start.channel, start.bells};
    request.socket = start.socket;
    return native::ChildProcess::Start(request);
  };
}

}  // namespace joblib::internal
