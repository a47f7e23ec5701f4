// LokyBackend: tasks run in worker processes, which are the same executable run
// again. The default backend.
//
// Not part of this build yet: it resolves as joblib's does, and a call that
// would start workers throws std::runtime_error with the way out.
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
  void start_call() override;
  void submit(Batch batch) override;
  bool supports_inner_max_num_threads() const override { return true; }
};

}  // namespace joblib

#endif  // JOBLIB_BACKENDS_LOKY_LOKY_BACKEND_H_
