// ThreadingBackend: tasks run on a pool of threads that the process keeps, and
// on the calling thread.
//
// n_jobs bounds each call: calls share no queue, and nested calls lease further
// threads. The caller is one of the n_jobs workers but where that would change
// meaning: with timeout, task_timeout, progress, stop_token, verbose or a
// generator it only waits, and with backend_params {{"caller_runs", false}}.
//
// May be derived from; one instance may serve several calls at once.
#ifndef JOBLIB_BACKENDS_THREADING_THREADING_BACKEND_H_
#define JOBLIB_BACKENDS_THREADING_THREADING_BACKEND_H_

#include <memory>
#include <mutex>

#include "joblib/core/parallel_backend_base.h"

namespace joblib {

class ThreadingBackend : public ParallelBackendBase {
 public:
  ThreadingBackend();
  ~ThreadingBackend() override;

  // As joblib: negative values count back from cpu_count(). 1 where there are
  // no threads.
  int effective_n_jobs(NJobs n_jobs) const override;
  // For Parallel, and for a backend that passes its own batches on.
  void submit(Batch batch) override;
  bool uses_threads() const override { return true; }
  bool supports_sharedmem() const override { return true; }

 private:
  std::shared_ptr<internal::BackendCall> BeginCall(
      const std::shared_ptr<internal::BatchReceiver>& call,
      const internal::CallTraits& traits) override;

  internal::BackendCall& GuestTeam();

  // The workers for batches of other backends' calls, once there are any.
  std::once_flag guests_once_;
  std::shared_ptr<internal::BackendCall> guests_;
};

}  // namespace joblib

#endif  // JOBLIB_BACKENDS_THREADING_THREADING_BACKEND_H_
