#include "joblib/backends/threading/thread_team.h"

#include <algorithm>
#include <utility>

namespace joblib::internal {
namespace {

// What this thread works for at the moment, and as whom.
struct Serving {
  const ThreadTeam* team = nullptr;
  PoolThread* thread = nullptr;
};
constinit thread_local Serving serving;

template <class List, class T>
bool Remove(List& list, const T& value) {
  const auto found = std::find(list.begin(), list.end(), value);
  if (found == list.end()) return false;
  list.erase(found);
  return true;
}

}  // namespace

ThreadTeam::ThreadTeam(std::weak_ptr<BatchReceiver> call, int n_workers,
                       bool caller_helps)
    : call_(std::move(call)),
      n_workers_(n_workers),
      caller_helps_(caller_helps),
      float_environment_(native::FloatEnvironment::OfThisThread()) {}

// A batch that comes too late is dropped, that is reported, when the lock is
// released: parameters outlive the function's own objects.
void ThreadTeam::Submit(Batch batch) {
  bool lend = false;
  {
    absl::MutexLock lock(&mu_);
    if (aborted_ || closed_) return;
    queue_.Push(std::move(batch));
    // Those who take a batch without being called: whoever submits from its
    // own turn, and the caller before it begins to help. Threads that were
    // called already count too, but never those who merely sleep.
    std::size_t expected = called_.size();
    if (serving.team == this || (caller_helps_ && !helping_)) ++expected;
    lend = queue_.size() > expected && CallFurther();
  }
  if (lend) LendFurther();
}

void ThreadTeam::CallForQueued() {
  bool lend;
  {
    absl::MutexLock lock(&mu_);
    lend = queue_.size() > called_.size() && CallFurther();
  }
  if (lend) LendFurther();
}

void ThreadTeam::OfferTail() {
  bool lend;
  {
    absl::MutexLock lock(&mu_);
    tail_offered_ = true;
    // Each thread on its way is for a batch of the queue; see NextTurn for one
    // that comes for the tail and finds a batch first.
    lend = called_.size() <= queue_.size() && CallFurther();
  }
  if (lend) LendFurther();
}

// Calls under the lock: a thread that was called and not yet assigned could be
// given back meanwhile.
bool ThreadTeam::CallFurther() {
  if (closed_ || aborted_) return false;
  if (waiting_.empty()) {
    if (pool_is_empty_ || leased_ >= n_workers_ - (caller_helps_ ? 1 : 0)) {
      return false;
    }
    ++leased_;
    return true;
  }
  PoolThread* const thread = waiting_.back();
  waiting_.pop_back();
  called_.push_back(thread);
  if (thread == &helper_) {
    helper_.parker.Unpark();
  } else {
    thread->Assign(shared_from_this(), ThisThreadWorks());
  }
  return false;
}

void ThreadTeam::LendFurther() {
  PoolThread* thread = ThreadPool::Get().Lend();
  {
    absl::MutexLock lock(&mu_);
    if (thread == nullptr) {
      --leased_;
      pool_is_empty_ = true;
    } else if (!closed_) {
      thread->worker_index.store(
          static_cast<int>(members_.size()) + (caller_helps_ ? 1 : 0),
          std::memory_order_relaxed);
      members_.push_back(thread);
      called_.push_back(thread);
      thread->Assign(shared_from_this(), ThisThreadWorks());
      thread = nullptr;
    }
  }
  if (thread != nullptr) ThreadPool::Get().TakeBack(thread);
}

bool ThreadTeam::ThisThreadWorks() const {
  return (caller_helps_ || serving.team == this) &&
         native::BusyThreads::MaySpin();
}

void ThreadTeam::Abort() {
  BatchQueue dropped;  // Reported outside the lock.
  absl::MutexLock lock(&mu_);
  aborted_ = true;
  dropped.Swap(queue_);
}

int ThreadTeam::workers() const {
  absl::MutexLock lock(&mu_);
  return leased_ + (caller_helps_ ? 1 : 0);
}

Batch ThreadTeam::Steal() {
  const std::shared_ptr<BatchReceiver> call = call_.lock();
  return call != nullptr ? call->StealTail() : Batch();
}

ThreadTeam::Turn ThreadTeam::NextTurn(PoolThread* thread,
                                      const std::atomic<bool>* over,
                                      Batch* batch) {
  thread->in_batch.store(false, std::memory_order_relaxed);
  for (;;) {
    bool lend = false;
    {
      absl::MutexLock lock(&mu_);
      Remove(called_, thread);
      if (thread == &helper_) helping_ = true;
      if (closed_ || (over != nullptr && over->load())) return Turn::kLeave;
      if (!queue_.empty()) {
        *batch = queue_.Pop();
        // This thread may have been called for a tail, which is still there.
        lend =
            tail_offered_ && called_.size() <= queue_.size() && CallFurther();
      } else if (tail_offered_) {
        tail_offered_ = false;
      } else {
        waiting_.push_back(thread);
        return Turn::kWait;
      }
    }
    if (lend) LendFurther();
    // Who takes from a batch offers its own tail, so that no offer is lost.
    if (batch->empty()) *batch = Steal();
    if (!batch->empty()) {
      thread->in_batch.store(true, std::memory_order_relaxed);
      return Turn::kRun;
    }
  }
}

void ThreadTeam::BatchEnded() {
  // Else a batch that a task of another call ran.
  if (serving.team != this) return;
  serving.thread->in_batch.store(false, std::memory_order_release);
}

void ThreadTeam::Serve(PoolThread* thread) {
  native::BusyThreads::Add(1);
  serving = {this, thread};
  float_environment_.UseOnThisThread();
  // The next team's may be written while this thread is on its way out.
  const int worker_index = thread->worker_index.load(std::memory_order_relaxed);
  Turn turn;
  for (;;) {
    Batch batch;
    turn = NextTurn(thread, nullptr, &batch);
    if (turn != Turn::kRun) break;
    BatchReceiver::Run(std::move(batch), worker_index);
  }
  serving = {};
  native::BusyThreads::Add(-1);
  if (turn == Turn::kWait) return;
  {
    absl::MutexLock lock(&mu_);
    if (!Remove(members_, thread)) return;
  }
  ThreadPool::Get().TakeBack(thread);
}

void ThreadTeam::Help(const std::atomic<bool>& over) {
  const Serving outer = std::exchange(serving, {this, &helper_});
  native::BusyThreads::Add(1);
  for (;;) {
    Batch batch;
    const Turn turn = NextTurn(&helper_, &over, &batch);
    if (turn == Turn::kLeave) break;
    if (turn == Turn::kRun) {
      BatchReceiver::Run(std::move(batch), /*worker_index=*/0);
      continue;
    }
    native::BusyThreads::Add(-1);
    helper_.parker.Park(native::BusyThreads::MaySpin());
    native::BusyThreads::Add(1);
    absl::MutexLock lock(&mu_);
    Remove(waiting_, &helper_);
  }
  native::BusyThreads::Add(-1);
  serving = outer;
}

// The call is over, so that nothing of the user's runs on a thread that is not
// in a batch, nor will: the next call may have it, wherever it is in the code
// above. The others (a timeout left them behind) come back by themselves.
void ThreadTeam::Close() {
  Threads free;
  {
    absl::MutexLock lock(&mu_);
    closed_ = true;
    waiting_.clear();
    called_.clear();
    const auto busy = std::partition(
        members_.begin(), members_.end(), [](PoolThread* thread) {
          return !thread->in_batch.load(std::memory_order_acquire);
        });
    free.assign(members_.begin(), busy);
    members_.erase(members_.begin(), busy);
  }
  for (PoolThread* thread : free) {
    thread->Retract(this);
    ThreadPool::Get().TakeBack(thread);
  }
}

}  // namespace joblib::internal
