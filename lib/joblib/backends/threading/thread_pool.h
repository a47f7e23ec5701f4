// ThreadPool: the threads of the process that no call needs at the moment.
//
// A thread is lent to one team at a time (thread_team.h) and comes back by
// TakeBack. Whether it waits in the pool or in a team, it sleeps on its own
// parker, so that moving it from one to the other wakes nobody: a thread may be
// lent to the next team while it is on its way out of the last one. Threads
// that nobody wanted for 10 s end. The pool itself is never destroyed: a thread
// may outlive main().
//
// Thread-safety: any thread. After fork() the child starts with an empty pool.
#ifndef JOBLIB_BACKENDS_THREADING_THREAD_POOL_H_
#define JOBLIB_BACKENDS_THREADING_THREAD_POOL_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "native/parker.h"

namespace joblib::internal {

class ThreadTeam;

// A thread of the pool, or a calling thread that takes part in its own call.
class PoolThread {
 public:
  // Sends it to work for `team`. It must be nobody's at the moment.
  // `elsewhere`: the calling thread needs its own CPU meanwhile.
  void Assign(std::shared_ptr<ThreadTeam> team, bool elsewhere);
  // Undoes Assign unless the thread has begun. True: it is nobody's again.
  bool Retract(const ThreadTeam* team);
  // On the thread itself: what it was assigned to; null if nothing (yet).
  std::shared_ptr<ThreadTeam> TakeAssignment();

  native::Parker parker;
  // In its team. Written by whoever assigns, also while a thread on its way out
  // of its last team reads it in vain.
  std::atomic<int> worker_index{0};
  std::atomic<std::uint64_t> id{0};  // native::ThisThreadId().
  // Runs a batch, that is code of the user's. Written by the thread itself.
  std::atomic<bool> in_batch{false};

 private:
  absl::Mutex mu_;
  std::shared_ptr<ThreadTeam> team_ ABSL_GUARDED_BY(mu_);
  bool is_kept_off_ ABSL_GUARDED_BY(mu_) = false;  // A CPU, see Assign.
};

class ThreadPool {
 public:
  static ThreadPool& Get();

  // An idle thread, or a new one; null if the system gives no more (then warns,
  // once a process). It waits for Assign.
  PoolThread* Lend();
  // No code of the user's runs on `thread`, nor will for the team it was with.
  void TakeBack(PoolThread* thread);
  // Ends the idle threads.
  void Shrink();

  int size() const;  // Threads that exist, idle or lent.
  int n_idle() const;

 private:
  ThreadPool() = default;
  void Loop(PoolThread* self);
  // True: `self` was idle and is no more of the pool.
  bool Leave(PoolThread* self);

  mutable absl::Mutex mu_;
  std::vector<PoolThread*> idle_ ABSL_GUARDED_BY(mu_);  // Last: the warm one.
  std::vector<PoolThread*> dismissed_ ABSL_GUARDED_BY(mu_);
  int size_ ABSL_GUARDED_BY(mu_) = 0;
};

}  // namespace joblib::internal

#endif  // JOBLIB_BACKENDS_THREADING_THREAD_POOL_H_
