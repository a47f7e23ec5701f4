// LokyBackend: tasks run in worker processes, which are the same executable run
// again. The default backend.
//
// The workers are kept between calls and shared by concurrent ones; they leave
// when idle for long, at joblib::shutdown() and with the program, however that
// ends. What tasks may be, and what a worker's death means: README.md, "Worker
// processes". Parameters: idle_worker_timeout (seconds, 300), initializer (a
// delayed call that each worker runs first).
#ifndef JOBLIB_BACKENDS_LOKY_LOKY_BACKEND_H_
#define JOBLIB_BACKENDS_LOKY_LOKY_BACKEND_H_

#include "joblib/core/parallel_backend_base.h"

namespace joblib {

class LokyBackend : public ParallelBackendBase {
 public:
  LokyBackend();

  // As joblib: 1, with a warning, below threads.
  int effective_n_jobs(NJobs n_jobs) const override;
  // Throws std::invalid_argument for the parameter `timeout`, which is
  // idle_worker_timeout's former name.
  int configure(NJobs n_jobs, const BackendParams& params) override;
  void submit(Batch batch) override;
  bool supports_inner_max_num_threads() const override { return true; }

 private:
  std::shared_ptr<internal::BackendCall> BeginCall(
      const std::shared_ptr<internal::BatchReceiver>& call,
      const internal::CallTraits& traits) override;
};

}  // namespace joblib

#endif  // JOBLIB_BACKENDS_LOKY_LOKY_BACKEND_H_
