#include "joblib/backends/loky/loky_backend.h"

#include <stdexcept>
#include <utility>

#include "joblib/backends/loky/loky_call.h"
#include "joblib/backends/platform.h"
#include "joblib/core/backend_access.h"
#include "joblib/core/batch_state.h"
#include "joblib/core/n_jobs.h"
#include "joblib/core/thread_state.h"
#include "joblib/core/warning.h"

namespace joblib {

LokyBackend::LokyBackend() {
  internal::BackendAccess::MakePool(
      *this, internal::BackendAccess::AutoBatch::kProcesses);
}

int LokyBackend::effective_n_jobs(NJobs n_jobs) const {
  if (internal::CurrentProcessKind() == internal::ProcessKind::kForkedWorker) {
    const int n = internal::ResolveNJobs(n_jobs, [] { return 2; });
    if (n != 1) {
      internal::Warn(
          "Loky-backed parallel loops cannot be called in a multiprocessing, "
          "setting n_jobs=1");
    }
    return 1;
  }
  const internal::TaskContext* task = internal::CurrentThread()->task;
  if (task != nullptr && task->below_threads && nesting_level() > 0) {
    const int n = internal::ResolveNJobs(n_jobs, [] { return 2; });
    if (n != 1) {
      internal::Warn(
          "Loky-backed parallel loops cannot be nested below threads, setting "
          "n_jobs=1");
    }
    return 1;
  }
  const int n =
      internal::ResolveNJobs(n_jobs, [] { return internal::CpuCount(); });
  return internal::ProcessesAvailable() ? n : 1;
}

int LokyBackend::configure(NJobs n_jobs, const BackendParams& params) {
  const int n = effective_n_jobs(n_jobs);
  if (n != 1 && (params.count("timeout") != 0 ||
                 backend_params().count("timeout") != 0)) {
    throw std::invalid_argument(
        "The 'timeout' parameter is not supported by the LokyBackend. Please "
        "use the `idle_worker_timeout` parameter instead.");
  }
  return n == 1 || internal::MayStartWorkers() ? n : 1;
}

void LokyBackend::submit(Batch batch) {
  internal::BackendCall* const own =
      internal::BatchReceiver::Of(batch)->backend_call().get();
  if (own == nullptr || !own->runs_elsewhere()) {
    throw std::runtime_error(
        "A batch of another backend's call can't be handed on to loky: derive "
        "that backend from joblib::LokyBackend.");
  }
  own->Submit(std::move(batch));
}

std::shared_ptr<internal::BackendCall> LokyBackend::BeginCall(
    const std::shared_ptr<internal::BatchReceiver>& call,
    const internal::CallTraits& traits) {
  return internal::BeginLokyCall(*this, call, traits);
}

}  // namespace joblib
