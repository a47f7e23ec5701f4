// ProcessPool: worker processes that are alike (same environment, initializer,
// idle timeout), shared by the calls that want such.
//
// A worker is leased to one call at a time. A call that finds none free waits;
// calls that hold some see it and give one back when its running task has
// ended. All workers are started at once, at the first lease.
//
// Thread-safety: any thread.
#ifndef JOBLIB_BACKENDS_PROCESS_PROCESS_POOL_H_
#define JOBLIB_BACKENDS_PROCESS_PROCESS_POOL_H_

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "joblib/backends/process/keeper.h"
#include "joblib/backends/process/worker_link.h"
#include "joblib/core/backend_params.h"

namespace joblib::internal {

// How long a call waits for workers that may never be given back.
inline constexpr std::chrono::milliseconds kLeasePatience{20};

// A call, as far as its pool knows it.
struct LeaseHolder {
  std::thread::id thread = std::this_thread::get_id();  // The calling one.
  // Whether its driver is at work or asleep on its bell: it will see who waits.
  std::atomic<bool> attends{false};
  std::uint32_t bell = 0;
};

class ProcessPool : public std::enable_shared_from_this<ProcessPool> {
 public:
  using Clock = std::chrono::steady_clock;
  struct Options {
    int n_workers = 1;
    Clock::duration idle_worker_timeout = std::chrono::seconds(300);
    WorkerStarter starter;
    std::shared_ptr<const KeptCall> initializer;
    // Its workers are forked: they find tasks that can't travel in their copy
    // of the memory, and so are started only when they are leased.
    bool forks = false;
  };
  explicit ProcessPool(Options options);
  ~ProcessPool();

  // A leased worker.
  struct Lease {
    std::shared_ptr<WorkerLink> link;
    bool is_new = false;  // Nothing was ever sent to it.
  };
  // Up to `n` workers that nobody holds; if there is none, the holder is noted
  // as one that waits, and is rung when that changes. Starts what is missing.
  // Throws std::runtime_error where not even a channel can be made.
  std::vector<Lease> Acquire(const std::shared_ptr<LeaseHolder>& holder, int n)
      ABSL_LOCKS_EXCLUDED(mu_);
  // Nothing is under way on it.
  void GiveBack(const std::shared_ptr<WorkerLink>& link)
      ABSL_LOCKS_EXCLUDED(mu_);
  // It has ended; another one takes its place at once if `replace`.
  void Drop(const std::shared_ptr<WorkerLink>& link, bool replace)
      ABSL_LOCKS_EXCLUDED(mu_);
  // The holder does not wait any more.
  void StopWaiting(const LeaseHolder& holder) ABSL_LOCKS_EXCLUDED(mu_);
  // Whether a call waits that holds no worker at all.
  bool SomebodyStarves() const {
    return n_starving_.load(std::memory_order_relaxed) > 0;
  }

  void Resize(int n_workers) ABSL_LOCKS_EXCLUDED(mu_);
  // From here on workers leave as soon as they are free and no call waits for
  // one. Calls that use it still get what they need.
  void Retire() ABSL_LOCKS_EXCLUDED(mu_);
  bool retired() const ABSL_LOCKS_EXCLUDED(mu_);
  int n_workers() const ABSL_LOCKS_EXCLUDED(mu_);
  bool forks() const { return options_.forks; }
  const std::shared_ptr<const KeptCall>& initializer() const {
    return options_.initializer;
  }
  // Of the workers that live.
  std::vector<std::int64_t> pids() const ABSL_LOCKS_EXCLUDED(mu_);
  // Waits until all that were told to leave have; kills those that don't.
  void WaitUntilGone(Clock::duration patience) ABSL_LOCKS_EXCLUDED(mu_);

  // The keeper's.
  void OnEnd(WorkerLink& link) ABSL_LOCKS_EXCLUDED(mu_);
  std::optional<Clock::time_point> Tick(Clock::time_point now)
      ABSL_LOCKS_EXCLUDED(mu_);

 private:
  struct Member {
    std::shared_ptr<WorkerLink> link;
    std::shared_ptr<LeaseHolder> holder;  // Null: free.
    Clock::time_point free_since;
    bool used = false;
    bool spare = false;  // Beside the n_workers: see MustNotWait.
  };
  struct Waiter {
    std::shared_ptr<LeaseHolder> holder;
    Clock::time_point since;
  };
  void StartMissing() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  bool AddMember() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // All workers are held by calls that nobody drives at the moment, or that are
  // this thread's own (a generator's): waiting may be for ever.
  bool MustNotWait(const LeaseHolder& holder)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Asks a free worker to leave.
  void Dismiss(Member member) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // All of them, from the last one on, until `n` members are left.
  void DismissFree(int n) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void RingNextWaiter() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  std::vector<Member>::iterator Find(const WorkerLink& link)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  const Options options_;
  const std::shared_ptr<const WorkerStarter> starter_;
  std::atomic<int> n_starving_{0};
  mutable absl::Mutex mu_;
  std::vector<Member> members_ ABSL_GUARDED_BY(mu_);
  std::vector<Waiter> waiters_ ABSL_GUARDED_BY(mu_);
  struct Leaving {
    std::shared_ptr<WorkerLink> link;
    Clock::time_point kill_at;
  };
  std::vector<Leaving> leaving_ ABSL_GUARDED_BY(mu_);
  int n_workers_ ABSL_GUARDED_BY(mu_);
  int next_number_ ABSL_GUARDED_BY(mu_) = 0;
  bool retired_ ABSL_GUARDED_BY(mu_) = false;
  absl::Status open_error_ ABSL_GUARDED_BY(mu_);
};

}  // namespace joblib::internal

#endif  // JOBLIB_BACKENDS_PROCESS_PROCESS_POOL_H_
