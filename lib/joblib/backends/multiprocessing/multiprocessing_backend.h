// MultiprocessingBackend: tasks run in fork()ed workers, per call. Legacy.
//
// Not part of this build yet: it resolves as joblib's does, and a call that
// would start workers throws std::runtime_error with the way out.
#ifndef JOBLIB_BACKENDS_MULTIPROCESSING_MULTIPROCESSING_BACKEND_H_
#define JOBLIB_BACKENDS_MULTIPROCESSING_MULTIPROCESSING_BACKEND_H_

#include "joblib/core/parallel_backend_base.h"

namespace joblib {

class MultiprocessingBackend : public ParallelBackendBase {
 public:
  MultiprocessingBackend();

  // As joblib: 1, with a warning, below threads.
  int effective_n_jobs(NJobs n_jobs) const override;
  void start_call() override;
  void submit(Batch batch) override;
  bool supports_return_generator() const override { return false; }
};

}  // namespace joblib

#endif  // JOBLIB_BACKENDS_MULTIPROCESSING_MULTIPROCESSING_BACKEND_H_
