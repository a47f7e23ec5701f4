#include "joblib/backends/multiprocessing/multiprocessing_backend.h"

#include <stdexcept>
#include <utility>

#include "joblib/backends/multiprocessing/multiprocessing_call.h"
#include "joblib/backends/platform.h"
#include "joblib/core/backend_access.h"
#include "joblib/core/batch_state.h"
#include "joblib/core/n_jobs.h"
#include "joblib/core/thread_state.h"
#include "joblib/core/warning.h"

namespace joblib {

MultiprocessingBackend::MultiprocessingBackend() {
  internal::BackendAccess::MakePool(
      *this, internal::BackendAccess::AutoBatch::kProcesses);
}

int MultiprocessingBackend::effective_n_jobs(NJobs n_jobs) const {
  const internal::ProcessKind kind = internal::CurrentProcessKind();
  if (kind != internal::ProcessKind::kProgram) {
    const int n = internal::ResolveNJobs(n_jobs, [] { return 2; });
    if (n != 1) {
      internal::Warn(
          kind == internal::ProcessKind::kForkedWorker
              ? "Multiprocessing-backed parallel loops cannot be nested, "
                "setting n_jobs=1"
              : "Multiprocessing-backed parallel loops cannot be nested, below "
                "loky, setting n_jobs=1");
    }
    return 1;
  }
  const internal::TaskContext* task = internal::CurrentThread()->task;
  if (task != nullptr && task->below_threads && nesting_level() > 0) {
    const int n = internal::ResolveNJobs(n_jobs, [] { return 2; });
    if (n != 1) {
      internal::Warn(
          "Multiprocessing-backed parallel loops cannot be nested below "
          "threads, setting n_jobs=1");
    }
    return 1;
  }
  const int n =
      internal::ResolveNJobs(n_jobs, [] { return internal::CpuCount(); });
  return internal::ProcessesAvailable() ? n : 1;
}

void MultiprocessingBackend::submit(Batch batch) {
  internal::BackendCall* const own =
      internal::BatchReceiver::Of(batch)->backend_call().get();
  if (own == nullptr || !own->runs_elsewhere()) {
    throw std::runtime_error(
        "A batch of another backend's call can't be handed on to "
        "multiprocessing: derive that backend from "
        "joblib::MultiprocessingBackend.");
  }
  own->Submit(std::move(batch));
}

std::shared_ptr<internal::BackendCall> MultiprocessingBackend::BeginCall(
    const std::shared_ptr<internal::BatchReceiver>& call,
    const internal::CallTraits& traits) {
  return internal::BeginMultiprocessingCall(*this, call, traits);
}

}  // namespace joblib
