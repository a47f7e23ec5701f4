// ParallelBackendBase: where batches run. Derive from it (or from a built-in
// backend), then pass an instance as `backend`, or
// register_parallel_backend("name", factory).
//
// The life of one Parallel call, all but the reports on the calling thread:
//   configure         n_jobs -> how many workers there will be
//   start_call
//   submit            for each batch; calls never overlap, but may come from
//                     whichever thread reported the batch before
//   abort_everything  after an error, a stop or a closed generator only
//   stop_call
//   terminate         unless the Parallel object is kept in a session
// Each batch given to submit is reported exactly once (see batch.h), on any
// thread, also after an abort.
//
// An exception from configure, start_call or submit is the call's error. One
// from the others is too, unless there is an error already: then it becomes a
// warning. Names and meaning: joblib.parallel.ParallelBackendBase.
#ifndef JOBLIB_CORE_PARALLEL_BACKEND_BASE_H_
#define JOBLIB_CORE_PARALLEL_BACKEND_BASE_H_

#include <atomic>
#include <memory>
#include <optional>
#include <utility>

#include "joblib/core/backend_params.h"
#include "joblib/core/batch.h"
#include "joblib/core/setting.h"

namespace joblib {

namespace internal {
class BackendCall;
class BatchReceiver;
struct BackendAccess;
struct CallTraits;
}  // namespace internal

class ParallelBackendBase {
 public:
  ParallelBackendBase() = default;
  ParallelBackendBase(const ParallelBackendBase&) = delete;
  ParallelBackendBase& operator=(const ParallelBackendBase&) = delete;
  virtual ~ParallelBackendBase() = default;

  // How many workers would run at once for `n_jobs`; at least 1.
  // Throws std::invalid_argument if n_jobs is 0.
  virtual int effective_n_jobs(NJobs n_jobs) const = 0;
  // Gets ready and returns how many workers there are; 1 means that the call is
  // a plain loop in the caller. `params`: Parallel's own backend_params, with
  // its inner_max_num_threads where the backend supports that.
  virtual int configure(NJobs n_jobs, const BackendParams& params);
  // Hands `batch` to a worker and returns without waiting for it.
  virtual void submit(Batch batch) = 0;
  virtual void start_call() {}  // Before the first batch.
  virtual void stop_call() {}   // After the last one was reported.
  // Ends the workers: no call follows, or configure comes again.
  virtual void terminate() {}
  // `ensure_ready`: further batches may come through this very instance.
  virtual void abort_everything(bool ensure_ready);
  // What Parallel calls inside a task use: {backend, n_jobs}. A null backend is
  // joblib's rule: threads at the first level, sequential below.
  virtual std::pair<std::shared_ptr<ParallelBackendBase>, NJobs>
  get_nested_backend() const;
  // Whether tasks see the caller's memory.
  virtual bool supports_sharedmem() const { return false; }
  // Whether tasks run on threads of this process: what prefer="threads" asks.
  virtual bool uses_threads() const { return false; }
  // Whether its workers can start with thread limits; where not, a scope that
  // gives them is an error.
  virtual bool supports_inner_max_num_threads() const { return false; }
  // Whether `timeout` works; where not, it is a warning.
  virtual bool supports_timeout() const { return true; }
  // Whether results may be taken while tasks run; where not, generator()
  // throws.
  virtual bool supports_return_generator() const { return true; }
  // Where neither Parallel nor a scope says n_jobs.
  virtual NJobs default_n_jobs() const { return 1; }

  // How deep in Parallel calls this backend is used; 0 outermost.
  int nesting_level() const {
    const int level = nesting_level_;
    return level < 0 ? 0 : level;
  }
  // Of the scope that made it; empty: the backend's default.
  std::optional<int> inner_max_num_threads() const {
    return inner_max_num_threads_;
  }
  // Of the scope that made it.
  const BackendParams& backend_params() const { return backend_params_; }

 private:
  friend struct internal::BackendAccess;
  // The built-in backends' own road for one call; null: submit alone.
  virtual std::shared_ptr<internal::BackendCall> BeginCall(
      const std::shared_ptr<internal::BatchReceiver>& call,
      const internal::CallTraits& traits);

  std::atomic<int> nesting_level_{-1};  // Set at the first use.
  std::optional<int> inner_max_num_threads_;
  BackendParams backend_params_;
  // With one worker Parallel uses SequentialBackend in its place.
  bool sequential_if_alone_ = false;
  // Automatic batches for threads (fine), for processes (joblib's) or, of half
  // that length at most, for Dask (joblib's, too), else 1.
  enum class AutoBatch { kOne, kThreads, kProcesses, kDask };
  AutoBatch auto_batch_ = AutoBatch::kOne;
};

}  // namespace joblib

#endif  // JOBLIB_CORE_PARALLEL_BACKEND_BASE_H_
