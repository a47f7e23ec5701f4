// Keeper: the one thread of the library that starts worker processes, sees them
// end and reaps them. It lives as long as the program: a process dies with the
// thread that started it.
//
// It never waits for a worker, and never runs code of the user's.
//
// Thread-safety: any thread. After fork() the child has none until it needs it.
#ifndef JOBLIB_BACKENDS_PROCESS_KEEPER_H_
#define JOBLIB_BACKENDS_PROCESS_KEEPER_H_

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "joblib/backends/process/bells.h"
#include "joblib/backends/process/watchdog.h"
#include "joblib/backends/process/worker_link.h"
#include "native/event.h"

namespace joblib::internal {

// Makes a worker of a link whose channel is open; the keeper calls it.
using WorkerStarter =
    std::function<absl::StatusOr<native::ChildProcess>(WorkerLink& link)>;

class Keeper {
 public:
  // The process's one; made, and its thread started, at the first question.
  // Throws std::runtime_error if the system refuses.
  static Keeper& Get();
  // As Get, but null where there is none yet.
  static Keeper* IfAny();

  const BellPage& bells() const {
    return *bells_.load(std::memory_order_acquire);
  }
  // In a child that was forked by the keeper's thread: the page it inherited.
  static BellPage TakeBellsAfterFork();

  // Starts `link` (kNew, open) as soon as may be; from then on keeps it and its
  // pool until it has ended and been told.
  void Start(std::shared_ptr<WorkerLink> link,
             std::shared_ptr<const WorkerStarter> starter)
      ABSL_LOCKS_EXCLUDED(mu_);
  // Kills it with all that it started. Its end is told as any other.
  void Kill(WorkerLink& link);
  // Calls `tick` at its times, on the keeper's thread: it returns when next.
  using Tick =
      std::function<std::optional<std::chrono::steady_clock::time_point>(
          std::chrono::steady_clock::time_point now)>;
  void SetTick(Tick tick) ABSL_LOCKS_EXCLUDED(mu_);
  // Called with each worker that has ended, on the keeper's thread.
  void SetOnEnd(std::function<void(WorkerLink&)> on_end)
      ABSL_LOCKS_EXCLUDED(mu_);
  // Looks at everything anew.
  void Poke() { event_.Set(); }

 private:
  struct Kept {
    std::shared_ptr<WorkerLink> link;
    std::shared_ptr<ProcessPool> pool;
    std::optional<std::chrono::steady_clock::time_point> lost_since;
  };
  explicit Keeper(BellPage bells) : bells_(new BellPage(std::move(bells))) {}
  // The program closed the page's descriptor: workers from here on get another
  // page. Whoever sleeps on the old one looks again by himself.
  void RenewBells();
  void Loop();
  void StartNew() ABSL_LOCKS_EXCLUDED(mu_);
  void StartOne(Kept kept, const WorkerStarter& starter);
  void KillAsked();
  // Those that have closed their socket and live on; returns when to look next.
  std::optional<std::chrono::steady_clock::time_point> KillLost(
      std::chrono::steady_clock::time_point now);
  void ReapEnded();
  void End(WorkerLink& link);
  std::optional<std::chrono::steady_clock::time_point> RunTick()
      ABSL_LOCKS_EXCLUDED(mu_);
  // Returns when to look next; it is on and there are workers.
  std::chrono::steady_clock::time_point Watch(
      std::chrono::steady_clock::time_point now);

  std::atomic<BellPage*> bells_;  // Never deleted.
  native::Event event_;
  absl::Mutex mu_;
  struct New {
    Kept kept;
    std::shared_ptr<const WorkerStarter> starter;
  };
  std::vector<New> new_ ABSL_GUARDED_BY(mu_);
  Tick tick_ ABSL_GUARDED_BY(mu_);
  std::function<void(WorkerLink&)> on_end_ ABSL_GUARDED_BY(mu_);
  // The thread's own:
  std::vector<Kept> kept_;
  Watchdog watchdog_;
};

}  // namespace joblib::internal

#endif  // JOBLIB_BACKENDS_PROCESS_KEEPER_H_
