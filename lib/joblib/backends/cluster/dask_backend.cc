#include "joblib/backends/cluster/dask_backend.h"

#include <algorithm>
#include <stdexcept>
#include <utility>
#include <vector>

#include "absl/base/const_init.h"
#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "joblib/backends/cluster/json_text.h"
#include "joblib/core/errors.h"
#include "native/environment.h"

namespace joblib {
namespace {

constexpr double kWaitForWorkersSeconds = 10;
constexpr double kConnectSeconds = 10;
constexpr int kStartSeconds = 120;  // Of a cluster beside the program.
constexpr int kEndSeconds = 20;

// Parameters that are not for Dask's submit().
constexpr const char* kOwn[] = {"scheduler_host", "wait_for_workers_timeout",
                                "connect_timeout", "python",
                                "inner_max_num_threads"};

// Addresses of the clusters that this program has started, the last one last.
ABSL_CONST_INIT absl::Mutex local_mu(absl::kConstInit);
std::vector<std::string>* local ABSL_GUARDED_BY(local_mu) = nullptr;

std::string SchedulerFor(const BackendParams& params) {
  std::string address = internal::TextParam(params, "scheduler_host", "");
  if (!address.empty()) return address;
  {
    absl::MutexLock lock(&local_mu);
    if (local != nullptr && !local->empty()) return local->back();
  }
  address = native::GetEnv("DASK_SCHEDULER_ADDRESS").value_or("");
  if (!address.empty()) return address;
  throw std::invalid_argument(
      "To use Joblib with Dask first create a Dask cluster\n\n"
      "    joblib::dask::LocalCluster cluster;\n"
      "or name a scheduler\n"
      "    parallel_config({.backend = \"dask\", .backend_params = "
      "{{\"scheduler_host\", \"scheduler-address:8786\"}}});\n"
      "or set the variable\n"
      "    DASK_SCHEDULER_ADDRESS=scheduler-address:8786");
}

}  // namespace

DaskDistributedBackend::DaskDistributedBackend(const BackendParams& params)
    : ClusterBackend({.engine = "dask",
                      .address = SchedulerFor(params),
                      .python = internal::TextParam(params, "python", ""),
                      .connect_timeout = internal::SecondsParam(
                          params, "connect_timeout", kConnectSeconds)},
                     params, internal::BackendAccess::AutoBatch::kDask) {
  internal::JsonText(SubmitOptions(params));  // Throws where it can't be sent.
}

int DaskDistributedBackend::effective_n_jobs(NJobs) const {
  if (MustBePlainLoop()) return 1;
  return ClusterSlots(internal::SecondsParam(
      params(), "wait_for_workers_timeout", kWaitForWorkersSeconds));
}

BackendParams DaskDistributedBackend::SubmitOptions(
    const BackendParams& params) const {
  BackendParams options = params;
  for (const char* name : kOwn) options.erase(name);
  return options;
}

namespace internal {
namespace {

// The one that is used where nobody names another.
void UseByDefault(const std::string& address) {
  absl::MutexLock lock(&local_mu);
  if (local == nullptr) local = new std::vector<std::string>;
  local->push_back(address);
}

}  // namespace

std::shared_ptr<ParallelBackendBase> NestedDask(
    const std::string& address, std::shared_ptr<Bridge> bridge) {
  SetConnected({.engine = "dask", .address = address, .python = ""},
               std::move(bridge));
  UseByDefault(address);
  const BackendParams params = {{"scheduler_host", address}};
  auto backend = std::make_shared<DaskDistributedBackend>(params);
  BackendAccess::SetParams(*backend, params);
  BackendAccess::SetLevelIfUnset(*backend, 1);
  return backend;
}

DaskLocalCluster::DaskLocalCluster(const BackendParams& options) {
  const BackendParam::Map request = {{"engine", "dask-cluster"},
                                     {"cluster", BackendParam::Map(options)}};
  bridge_ = Bridge::Start("");
  try {
    const std::string answer =
        bridge_->AskAndWait(FrameKind::kConnect, JsonText(request),
                            std::chrono::seconds(kStartSeconds));
    const std::size_t newline = answer.find('\n');
    address_ = answer.substr(0, newline);
    if (newline != std::string::npos) dashboard_ = answer.substr(newline + 1);
  } catch (...) {
    bridge_->Leave();
    throw;
  }
  UseByDefault(address_);
}

DaskLocalCluster::~DaskLocalCluster() {
  {
    absl::MutexLock lock(&local_mu);
    local->erase(std::find(local->begin(), local->end(), address_));
  }
  Disconnect("dask", address_);
  bridge_->Leave();
  bridge_->WaitUntilGone(std::chrono::seconds(kEndSeconds));
}

}  // namespace internal
}  // namespace joblib
