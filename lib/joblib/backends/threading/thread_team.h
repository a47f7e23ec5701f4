// ThreadTeam: the threads that one Parallel call has, and its queue of batches.
//
// Its own queue and its own threads for each call: n_jobs is a true bound,
// callers share no lock, and nested calls can't starve each other. A thread
// without work takes half of the unstarted tasks of a running batch; where
// there are none it sleeps, still the team's, until the call is over.
//
// Thread-safety: any thread may call any method but Serve (a leased thread on
// itself) and Help (the calling thread).
#ifndef JOBLIB_BACKENDS_THREADING_THREAD_TEAM_H_
#define JOBLIB_BACKENDS_THREADING_THREAD_TEAM_H_

#include <atomic>
#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/container/inlined_vector.h"
#include "absl/synchronization/mutex.h"
#include "joblib/backends/threading/batch_queue.h"
#include "joblib/backends/threading/thread_pool.h"
#include "joblib/core/batch_state.h"
#include "native/float_environment.h"

namespace joblib::internal {

class ThreadTeam final : public BackendCall,
                         public std::enable_shared_from_this<ThreadTeam> {
 public:
  // At most n_workers threads, counting the calling one if it helps. `call`
  // may be null: then there is nothing to steal. Captures the caller's
  // floating-point environment for the threads.
  ThreadTeam(std::weak_ptr<BatchReceiver> call, int n_workers,
             bool caller_helps);

  bool has_threads() const override { return true; }
  void Submit(Batch batch) override ABSL_LOCKS_EXCLUDED(mu_);
  void OfferTail() override ABSL_LOCKS_EXCLUDED(mu_);
  void CallForQueued() override ABSL_LOCKS_EXCLUDED(mu_);
  void Abort() override ABSL_LOCKS_EXCLUDED(mu_);
  void Help(const std::atomic<bool>& over) override ABSL_LOCKS_EXCLUDED(mu_);
  void WakeHelper() override { helper_.parker.Unpark(); }
  int workers() const override ABSL_LOCKS_EXCLUDED(mu_);
  void Close() override ABSL_LOCKS_EXCLUDED(mu_);
  void BatchEnded() override;

  // What a leased thread does; afterwards it is back in the pool, or waits to
  // be called here again.
  void Serve(PoolThread* thread) ABSL_LOCKS_EXCLUDED(mu_);

 private:
  enum class Turn { kRun, kWait, kLeave };
  // The next thing for `thread` to do: a batch to run, or it is listed as
  // waiting.
  Turn NextTurn(PoolThread* thread, const std::atomic<bool>* over, Batch* batch)
      ABSL_LOCKS_EXCLUDED(mu_);
  Batch Steal();
  // Calls a further thread for what nobody is on the way to, if there is one:
  // one that waits here or, if this is true, one that LendFurther() has to get.
  bool CallFurther() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void LendFurther() ABSL_LOCKS_EXCLUDED(mu_);
  // The calling thread will run tasks itself, and other CPUs may be free.
  bool ThisThreadWorks() const;

  const std::weak_ptr<BatchReceiver> call_;
  const int n_workers_;
  const bool caller_helps_;
  const native::FloatEnvironment float_environment_;  // The caller's.
  PoolThread helper_;  // The calling thread, worker 0 if it helps.

  using Threads = absl::InlinedVector<PoolThread*, 8>;
  mutable absl::Mutex mu_;
  BatchQueue queue_ ABSL_GUARDED_BY(mu_);
  // The leased threads. Who takes one off this list gives it back to the pool.
  Threads members_ ABSL_GUARDED_BY(mu_);
  Threads waiting_ ABSL_GUARDED_BY(mu_);
  Threads called_ ABSL_GUARDED_BY(mu_);              // On their way.
  int leased_ ABSL_GUARDED_BY(mu_) = 0;              // With those being leased.
  bool pool_is_empty_ ABSL_GUARDED_BY(mu_) = false;  // Lend failed.
  bool helping_ ABSL_GUARDED_BY(mu_) = false;
  // A running batch has tasks to take, and nobody has looked for them since.
  bool tail_offered_ ABSL_GUARDED_BY(mu_) = false;
  bool aborted_ ABSL_GUARDED_BY(mu_) = false;
  bool closed_ ABSL_GUARDED_BY(mu_) = false;
};

}  // namespace joblib::internal

#endif  // JOBLIB_BACKENDS_THREADING_THREAD_TEAM_H_
