#include "joblib/backends/multiprocessing/multiprocessing_backend.h"

#include <stdexcept>
#include <utility>

#include "joblib/backends/platform.h"
#include "joblib/core/backend_access.h"
#include "joblib/core/n_jobs.h"
#include "joblib/core/thread_state.h"
#include "joblib/core/warning.h"

namespace joblib {

MultiprocessingBackend::MultiprocessingBackend() {
  internal::BackendAccess::MakePool(
      *this, internal::BackendAccess::AutoBatch::kProcesses);
}

int MultiprocessingBackend::effective_n_jobs(NJobs n_jobs) const {
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

void MultiprocessingBackend::start_call() {
  throw std::runtime_error(
      "The multiprocessing backend (fork()ed workers) is not available in this "
      "build of joblib. Use backend=\"threading\", prefer=\"threads\" or "
      "n_jobs=1.");
}

void MultiprocessingBackend::submit(Batch) { start_call(); }

}  // namespace joblib
