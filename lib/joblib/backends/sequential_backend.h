// SequentialBackend: a plain loop in the calling thread. Used where n_jobs is
// 1; no thread, no pool, no copy.
#ifndef JOBLIB_BACKENDS_SEQUENTIAL_BACKEND_H_
#define JOBLIB_BACKENDS_SEQUENTIAL_BACKEND_H_

#include "joblib/core/parallel_backend_base.h"

namespace joblib {

class SequentialBackend : public ParallelBackendBase {
 public:
  // Always 1. Throws std::invalid_argument if n_jobs is 0.
  int effective_n_jobs(NJobs n_jobs) const override;
  // Runs the batch at once: Parallel itself never calls it.
  void submit(Batch batch) override;
  bool uses_threads() const override { return true; }
  bool supports_sharedmem() const override { return true; }
  bool supports_timeout() const override { return false; }
};

}  // namespace joblib

#endif  // JOBLIB_BACKENDS_SEQUENTIAL_BACKEND_H_
