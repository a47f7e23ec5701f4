#include "joblib/backends/threading/thread_pool.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <mutex>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "joblib/backends/threading/thread_team.h"
#include "joblib/core/warning.h"
#include "native/affinity.h"
#include "native/thread.h"

namespace joblib::internal {
namespace {

// Long against the pauses between the calls of a program, short against its
// life: an idle thread costs its stack and nothing else.
constexpr std::chrono::seconds kIdleThreadTimeout{10};

std::atomic<ThreadPool*> the_pool{nullptr};

}  // namespace

void PoolThread::Assign(std::shared_ptr<ThreadTeam> team, bool elsewhere) {
  {
    absl::MutexLock lock(&mu_);
    team_ = std::move(team);
    if (elsewhere && parker.asleep()) {
      is_kept_off_ = native::KeepOffThisCpu(id);
    }
  }
  parker.Unpark();
}

bool PoolThread::Retract(const ThreadTeam* team) {
  std::shared_ptr<ThreadTeam> dropped;  // Outside the lock.
  absl::MutexLock lock(&mu_);
  if (team_.get() != team) return false;
  dropped = std::move(team_);
  team_ = nullptr;
  return true;
}

std::shared_ptr<ThreadTeam> PoolThread::TakeAssignment() {
  absl::MutexLock lock(&mu_);
  if (std::exchange(is_kept_off_, false)) native::UseProcessAffinity();
  return std::exchange(team_, nullptr);
}

ThreadPool& ThreadPool::Get() {
  ThreadPool* pool = the_pool.load(std::memory_order_acquire);
  if (pool != nullptr) return *pool;
  auto* fresh = new ThreadPool;
  if (!the_pool.compare_exchange_strong(pool, fresh)) {
    delete fresh;
    return *pool;
  }
  static std::once_flag once;
  std::call_once(once, [] {
    native::PinThisModule();
    // None of the parent's threads is in the child; what they hold is left to
    // them. Without memory for the handler fork() itself will hardly succeed.
    native::OnFork(nullptr, nullptr, [] {
      the_pool.store(nullptr);
      native::BusyThreads::ResetAfterFork();
    }).IgnoreError();
  });
  return *fresh;
}

PoolThread* ThreadPool::Lend() {
  {
    absl::MutexLock lock(&mu_);
    if (!idle_.empty()) {
      PoolThread* thread = idle_.back();
      idle_.pop_back();
      return thread;
    }
    ++size_;
  }
  auto* thread = new PoolThread;
  const absl::Status started =
      native::StartThread([this, thread] { Loop(thread); });
  if (started.ok()) return thread;
  delete thread;
  {
    absl::MutexLock lock(&mu_);
    --size_;
  }
  static std::atomic<bool> warned{false};
  if (!warned.exchange(true)) {
    // Quietly: this may be any thread, in the middle of a call.
    WarnQuietly(absl::StrCat(
        "joblib could not start another thread (", started.message(),
        "): the tasks run on those there are. A lower n_jobs, or a higher "
        "limit (ulimit -u), avoids this."));
  }
  return nullptr;
}

void ThreadPool::TakeBack(PoolThread* thread) {
  absl::MutexLock lock(&mu_);
  idle_.push_back(thread);
}

void ThreadPool::Shrink() {
  absl::MutexLock lock(&mu_);
  for (PoolThread* thread : idle_) {
    dismissed_.push_back(thread);
    thread->parker.Unpark();
  }
  idle_.clear();
}

int ThreadPool::size() const {
  absl::MutexLock lock(&mu_);
  return size_;
}

int ThreadPool::n_idle() const {
  absl::MutexLock lock(&mu_);
  return static_cast<int>(idle_.size());
}

bool ThreadPool::Leave(PoolThread* self) {
  absl::MutexLock lock(&mu_);
  for (std::vector<PoolThread*>* list : {&dismissed_, &idle_}) {
    const auto found = std::find(list->begin(), list->end(), self);
    if (found == list->end()) continue;
    list->erase(found);
    --size_;
    return true;
  }
  return false;
}

void ThreadPool::Loop(PoolThread* self) {
  self->id = native::ThisThreadId();
  for (;;) {
    const bool called =
        self->parker.Park(native::BusyThreads::MaySpin(),
                          native::Parker::Clock::now() + kIdleThreadTimeout);
    std::shared_ptr<ThreadTeam> team = self->TakeAssignment();
    if (team != nullptr) {
      team->Serve(self);
    } else if (!called || [&] {
                 absl::MutexLock lock(&mu_);
                 return !dismissed_.empty();
               }()) {
      if (Leave(self)) break;
    }
  }
  delete self;
}

}  // namespace joblib::internal
