#include "joblib/backends/cluster/cluster_backend.h"

#include <cstdlib>
#include <stdexcept>
#include <string>
#include <utility>

#include "joblib/backends/cluster/cluster_call.h"
#include "joblib/backends/cluster/json_text.h"
#include "joblib/core/thread_state.h"
#include "joblib/core/warning.h"
#include "native/main_hook.h"

namespace joblib {

ClusterBackend::ClusterBackend(internal::ClusterAddress address,
                               BackendParams params,
                               internal::BackendAccess::AutoBatch auto_batch)
    : address_(std::move(address)), params_(std::move(params)) {
  internal::BackendAccess::MakePool(*this, auto_batch);
}

void ClusterBackend::submit(Batch batch) {
  internal::BackendCall* const own =
      internal::BatchReceiver::Of(batch)->backend_call().get();
  if (own == nullptr || !own->runs_elsewhere()) {
    throw std::runtime_error(
        "A batch of another backend's call can't be handed on to a cluster: "
        "derive that backend from the cluster's.");
  }
  own->Submit(std::move(batch));
}

bool ClusterBackend::MustBePlainLoop() {
  if (native::IsWorker() ? internal::CurrentThread()->task != nullptr
                         : native::MainHasBegun()) {
    return false;
  }
  internal::Warn(
      "A Parallel call before main() or, in a worker process, outside of its "
      "tasks can't use a cluster, setting n_jobs=1: static constructors run "
      "again in each worker.");
  return true;
}

int ClusterBackend::ClusterSlots(double wait_seconds) const {
  constexpr int kAnswerSeconds = 30;  // Beyond what is waited for on purpose.
  const BackendParam::Map request = {
      {"wait_for_workers_timeout", wait_seconds}};
  const std::string n = internal::Connected(address_)->AskAndWait(
      internal::FrameKind::kNJobs, internal::JsonText(request),
      std::chrono::seconds(static_cast<std::int64_t>(wait_seconds) +
                           kAnswerSeconds));
  return std::atoi(n.c_str());
}

std::shared_ptr<internal::BackendCall> ClusterBackend::BeginCall(
    const std::shared_ptr<internal::BatchReceiver>&,
    const internal::CallTraits& traits) {
  BackendParams options = params_;
  if (traits.params != nullptr) {
    for (const auto& [name, value] : *traits.params) {
      options.insert_or_assign(name, value);
    }
  }
  auto call = std::make_shared<internal::ClusterCall>(
      internal::Connected(address_), traits);
  call->Begin(SubmitOptions(options));
  return call;
}

}  // namespace joblib
