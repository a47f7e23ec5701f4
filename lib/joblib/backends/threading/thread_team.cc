#include "joblib/backends/threading/thread_team.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <utility>

namespace joblib::internal {
namespace {

// How long Close waits for threads that are about to come back, so that the
// next call finds them: they have nothing left to do.
constexpr std::chrono::microseconds kComingBack{20};

// The team this thread works for at the moment.
constinit thread_local const ThreadTeam* serving_team = nullptr;

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
      caller_helps_(caller_helps) {
  std::fegetenv(&float_environment_);
}

void ThreadTeam::Submit(Batch batch) {
  Further further;
  {
    absl::MutexLock lock(&mu_);
    if (aborted_ || closed_) {
      // Dropped, that is reported, when the lock is released: last in, first
      // out of this function's scope.
    } else {
      queue_.push_back(std::move(batch));
      // Those who take a batch without being called: whoever submits from its
      // own turn, and the caller before it begins to help. Threads that were
      // called already count too, but never those who merely sleep.
      std::size_t expected = called_.size();
      if (serving_team == this || (caller_helps_ && !helping_)) ++expected;
      if (queue_.size() > expected) further = FindFurther();
    }
  }
  Call(further);
}

void ThreadTeam::CallForQueued() {
  Further further;
  {
    absl::MutexLock lock(&mu_);
    if (queue_.size() > called_.size()) further = FindFurther();
  }
  Call(further);
}

void ThreadTeam::OfferTail() {
  Further further;
  {
    absl::MutexLock lock(&mu_);
    tail_offered_ = true;
    // Each thread on its way is for a batch of the queue; see NextTurn for one
    // that comes for the tail and finds a batch first.
    if (called_.size() <= queue_.size()) further = FindFurther();
  }
  Call(further);
}

ThreadTeam::Further ThreadTeam::FindFurther() {
  Further further;
  if (closed_ || aborted_) return further;
  if (!waiting_.empty()) {
    further.thread = waiting_.back();
    waiting_.pop_back();
    called_.push_back(further.thread);
  } else if (!pool_is_empty_ &&
             leased_ < n_workers_ - (caller_helps_ ? 1 : 0)) {
    ++leased_;
    further.lend = true;
    further.worker_index = leased_ - (caller_helps_ ? 0 : 1);
  }
  return further;
}

void ThreadTeam::Call(Further further) {
  PoolThread* thread = further.thread;
  if (further.lend) {
    thread = ThreadPool::Get().Lend();
    absl::MutexLock lock(&mu_);
    if (thread == nullptr) {
      --leased_;
      pool_is_empty_ = true;
    } else if (closed_) {
      ThreadPool::Get().TakeBack(std::exchange(thread, nullptr));
    } else {
      thread->worker_index = further.worker_index;
      called_.push_back(thread);
    }
  }
  if (thread == &helper_) {
    helper_.parker.Unpark();
  } else if (thread != nullptr) {
    thread->Assign(shared_from_this());
  }
}

void ThreadTeam::Abort() {
  std::deque<Batch> dropped;  // Reported outside the lock.
  absl::MutexLock lock(&mu_);
  aborted_ = true;
  dropped.swap(queue_);
}

int ThreadTeam::workers() const {
  absl::MutexLock lock(&mu_);
  return leased_ + (caller_helps_ ? 1 : 0);
}

Batch ThreadTeam::Steal() {
  const std::shared_ptr<BatchReceiver> call = call_.lock();
  return call != nullptr ? call->StealTail() : Batch();
}

ThreadTeam::Wait ThreadTeam::StopWaiting(PoolThread* thread) {
  absl::MutexLock lock(&mu_);
  if (Remove(waiting_, thread)) return Wait::kStopped;
  return closed_ ? Wait::kClosed : Wait::kCalled;
}

ThreadTeam::Turn ThreadTeam::NextTurn(PoolThread* thread,
                                      const std::atomic<bool>* over,
                                      Batch* batch) {
  Further further;
  bool queued = false;
  {
    absl::MutexLock lock(&mu_);
    Remove(called_, thread);
    if (closed_ || (over != nullptr && over->load())) return Turn::kLeave;
    if (!queue_.empty()) {
      queued = true;
      *batch = std::move(queue_.front());
      queue_.pop_front();
      // It may have been called for a tail, which is still there.
      if (tail_offered_ && called_.size() <= queue_.size()) {
        further = FindFurther();
      }
    } else {
      tail_offered_ = false;
    }
  }
  if (queued) {
    Call(further);
    return Turn::kRun;
  }
  *batch = Steal();
  if (batch->size() > 0) return Turn::kRun;
  {
    absl::MutexLock lock(&mu_);
    if (closed_ || (over != nullptr && over->load())) return Turn::kLeave;
    if (!queue_.empty()) {
      *batch = std::move(queue_.front());
      queue_.pop_front();
      return Turn::kRun;
    }
    waiting_.push_back(thread);
  }
  // A batch that began before this thread was seen waiting.
  *batch = Steal();
  if (batch->size() == 0) return Turn::kWait;
  switch (StopWaiting(thread)) {
    case Wait::kStopped:
      return Turn::kRun;
    case Wait::kCalled:  // In that moment, maybe not quite yet.
      for (bool closed = false; !closed;) {
        thread->parker.Park(
            /*may_spin=*/false,
            native::Parker::Clock::now() + std::chrono::milliseconds(1));
        if (thread == &helper_ || thread->Retract(this)) {
          {
            absl::MutexLock lock(&mu_);
            Remove(called_, thread);
          }
          CallForQueued();  // If it was for a batch, somebody else must come.
          return Turn::kRun;
        }
        absl::MutexLock lock(&mu_);
        closed = closed_;
      }
      // Close gave the thread back meanwhile, and may have been followed by an
      // assignment elsewhere, whose call this was.
      BatchReceiver::Run(std::move(*batch), thread->worker_index);
      thread->parker.Unpark();
      return Turn::kWait;
    case Wait::kClosed:  // An abort: the batch only has to be reported, and
                         // Close gave the thread back already.
      BatchReceiver::Run(std::move(*batch), thread->worker_index);
      return Turn::kWait;
  }
  return Turn::kWait;
}

void ThreadTeam::Serve(PoolThread* thread) {
  serving_.fetch_add(1, std::memory_order_relaxed);
  native::BusyThreads::Add(1);
  serving_team = this;
  std::fesetenv(&float_environment_);
  Turn turn;
  for (;;) {
    Batch batch;
    turn = NextTurn(thread, nullptr, &batch);
    if (turn != Turn::kRun) break;
    BatchReceiver::Run(std::move(batch), thread->worker_index);
  }
  serving_team = nullptr;
  native::BusyThreads::Add(-1);
  if (turn == Turn::kLeave) ThreadPool::Get().TakeBack(thread);
  serving_.fetch_sub(1, std::memory_order_release);
}

void ThreadTeam::Help(const std::atomic<bool>& over) {
  const ThreadTeam* const outer = std::exchange(serving_team, this);
  native::BusyThreads::Add(1);
  {
    absl::MutexLock lock(&mu_);
    helping_ = true;
  }
  for (;;) {
    Batch batch;
    const Turn turn = NextTurn(&helper_, &over, &batch);
    if (turn == Turn::kLeave) break;
    if (turn == Turn::kRun) {
      BatchReceiver::Run(std::move(batch), helper_.worker_index);
      continue;
    }
    native::BusyThreads::Add(-1);
    helper_.parker.Park(native::BusyThreads::MaySpin());
    native::BusyThreads::Add(1);
    StopWaiting(&helper_);
  }
  native::BusyThreads::Add(-1);
  serving_team = outer;
}

void ThreadTeam::Close() {
  std::vector<PoolThread*> waiting, called;
  {
    absl::MutexLock lock(&mu_);
    closed_ = true;
    waiting.swap(waiting_);
    called.swap(called_);
  }
  ThreadPool& pool = ThreadPool::Get();
  for (PoolThread* thread : waiting) {
    if (thread != &helper_) pool.TakeBack(thread);
  }
  for (PoolThread* thread : called) {
    if (thread != &helper_ && thread->Retract(this)) pool.TakeBack(thread);
  }
  const auto until = std::chrono::steady_clock::now() + kComingBack;
  while (serving_.load(std::memory_order_acquire) > 0 &&
         std::chrono::steady_clock::now() < until) {
  }
}

}  // namespace joblib::internal
