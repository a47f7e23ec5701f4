// MultiprocessingBackend: tasks run in fork()ed workers, per call. Legacy.
//
// Tasks whose types can travel are sent to workers that are forked when the
// call begins; closures that can't are run by a child forked for their batch,
// which finds them in its copy of the memory. Results travel always.
//
// The hazard of fork() is the program's: a lock that one of its other threads
// holds at that moment is held in the child for ever.
#ifndef JOBLIB_BACKENDS_MULTIPROCESSING_MULTIPROCESSING_BACKEND_H_
#define JOBLIB_BACKENDS_MULTIPROCESSING_MULTIPROCESSING_BACKEND_H_

#include "joblib/core/parallel_backend_base.h"

namespace joblib {

class MultiprocessingBackend : public ParallelBackendBase {
 public:
  MultiprocessingBackend();

  // As joblib: 1, with a warning, below threads.
  int effective_n_jobs(NJobs n_jobs) const override;
  void submit(Batch batch) override;
  bool supports_return_generator() const override { return false; }

 private:
  std::shared_ptr<internal::BackendCall> BeginCall(
      const std::shared_ptr<internal::BatchReceiver>& call,
      const internal::CallTraits& traits) override;
};

}  // namespace joblib

#endif  // JOBLIB_BACKENDS_MULTIPROCESSING_MULTIPROCESSING_BACKEND_H_
