#include "joblib/backends/cluster/connection.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <stdexcept>
#include <vector>

#include "absl/base/const_init.h"
#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "joblib/backends/cluster/json_text.h"
#include "native/main_hook.h"
#include "native/program_files.h"

namespace joblib::internal {
namespace {

// To read and ship the program's files, beyond the engine's own limit.
constexpr int kShipSeconds = 60;
constexpr int kLeaveSeconds = 10;

using Connections = std::map<ClusterAddress, std::shared_ptr<Bridge>>;
ABSL_CONST_INIT absl::Mutex connections_mu(absl::kConstInit);
Connections* connections ABSL_GUARDED_BY(connections_mu) = nullptr;

std::string ConnectRequest(const ClusterAddress& address) {
  const absl::StatusOr<std::string> marker = native::StrangersMarker();
  if (!marker.ok()) {
    throw std::runtime_error(absl::StrCat(marker.status().message(),
                                          ", or use the threading "
                                          "backend."));
  }
  BackendParam::List files;
  for (const native::ProgramFile& file : native::ProgramFiles()) {
    files.push_back(BackendParam::List{file.name, file.path});
  }
  const BackendParam::Map request = {{"engine", address.engine},
                                     {"address", address.address},
                                     {"timeout", address.connect_timeout},
                                     {"program", native::ProgramName()},
                                     {"marker", *marker},
                                     {"files", files}};
  return JsonText(request);
}

std::shared_ptr<Bridge> Connect(const ClusterAddress& address) {
  const std::string request = ConnectRequest(address);
  std::shared_ptr<Bridge> bridge = Bridge::Start(address.python);
  const auto limit = std::chrono::seconds(
      static_cast<std::int64_t>(std::min(address.connect_timeout, 1e6)) +
      kShipSeconds);
  try {
    bridge->AskAndWait(FrameKind::kConnect, request, limit);
  } catch (...) {
    bridge->Leave();
    throw;
  }
  return bridge;
}

// Takes the bridges that `which` names out of the kept ones.
template <class Predicate>
std::vector<std::shared_ptr<Bridge>> TakeOut(Predicate which) {
  std::vector<std::shared_ptr<Bridge>> taken;
  absl::MutexLock lock(&connections_mu);
  if (connections == nullptr) return taken;
  for (auto i = connections->begin(); i != connections->end();) {
    const bool is_nested = i->second != nullptr && i->second->is_nested();
    if (!is_nested && which(i->first)) {
      // Null: the connection failed.
      if (i->second != nullptr) taken.push_back(std::move(i->second));
      i = connections->erase(i);
    } else {
      ++i;
    }
  }
  return taken;
}

void End(const std::vector<std::shared_ptr<Bridge>>& bridges) {
  for (const auto& bridge : bridges) bridge->Leave();
  for (const auto& bridge : bridges) {
    bridge->WaitUntilGone(std::chrono::seconds(kLeaveSeconds));
  }
}

}  // namespace

std::shared_ptr<Bridge> Connected(const ClusterAddress& address) {
  absl::MutexLock lock(&connections_mu);
  if (connections == nullptr) connections = new Connections;
  std::shared_ptr<Bridge>& bridge = (*connections)[address];
  if (bridge == nullptr || bridge->gone()) {
    bridge = nullptr;
    bridge = Connect(address);
  }
  return bridge;
}

void SetConnected(const ClusterAddress& address,
                  std::shared_ptr<Bridge> bridge) {
  absl::MutexLock lock(&connections_mu);
  if (connections == nullptr) connections = new Connections;
  (*connections)[address] = std::move(bridge);
}

void Disconnect(const std::string& engine, const std::string& address) {
  End(TakeOut([&](const ClusterAddress& key) {
    return key.engine == engine && key.address == address;
  }));
}

void DisconnectAll() {
  End(TakeOut([](const ClusterAddress&) { return true; }));
}

std::int64_t BridgePidForTest() {
  absl::MutexLock lock(&connections_mu);
  if (connections != nullptr) {
    for (const auto& [key, bridge] : *connections) {
      if (bridge != nullptr && !bridge->gone()) return bridge->pid();
    }
  }
  return -1;
}

std::string TextParam(const BackendParams& params, const char* name,
                      const std::string& otherwise) {
  const auto found = params.find(name);
  if (found == params.end()) return otherwise;
  if (found->second.as_text() == nullptr) {
    throw std::invalid_argument(absl::StrCat(name, " must be a text."));
  }
  return *found->second.as_text();
}

double SecondsParam(const BackendParams& params, const char* name,
                    double otherwise) {
  const auto found = params.find(name);
  if (found == params.end()) return otherwise;
  double seconds = NAN;
  if (found->second.as_integer() != nullptr) {
    seconds = static_cast<double>(*found->second.as_integer());
  } else if (found->second.as_double() != nullptr) {
    seconds = *found->second.as_double();
  }
  if (!(seconds >= 0 && seconds < 1e9)) {
    throw std::invalid_argument(
        absl::StrCat(name, " must be a number of seconds from 0 on."));
  }
  return seconds;
}

}  // namespace joblib::internal
