#include "joblib/backends/loky/loky_backend.h"

#include <stdexcept>
#include <utility>

#include "joblib/backends/platform.h"
#include "joblib/core/backend_access.h"
#include "joblib/core/n_jobs.h"
#include "joblib/core/thread_state.h"
#include "joblib/core/warning.h"

namespace joblib {

LokyBackend::LokyBackend() {
  internal::BackendAccess::MakePool(
      *this, internal::BackendAccess::AutoBatch::kProcesses);
}

int LokyBackend::effective_n_jobs(NJobs n_jobs) const {
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
  return n;
}

void LokyBackend::start_call() {
  throw std::runtime_error(
      "The loky backend (worker processes) is not available in this build of "
      "joblib. Use backend=\"threading\", prefer=\"threads\" or n_jobs=1.");
}

void LokyBackend::submit(Batch) { start_call(); }

}  // namespace joblib
