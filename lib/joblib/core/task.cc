#include "joblib/core/task.h"

#include <utility>

#include "joblib/core/call_control.h"
#include "joblib/core/thread_state.h"

namespace joblib {
namespace internal {

std::shared_ptr<StopState> CallControl::stop_state() {
  std::shared_ptr<StopState> state;
  bool is_first = false;
  {
    absl::MutexLock lock(&stop_mu_);
    is_first = stop_state_ == nullptr;
    if (is_first) stop_state_ = std::make_shared<StopState>();
    state = stop_state_;
  }
  if (is_first && ask_) ask_();
  // SignalStop() may have come and gone before there was a state to signal.
  if (aborted()) state->Request();
  return state;
}

void CallControl::LinkTo(const StopToken& parent) {
  {
    absl::MutexLock lock(&stop_mu_);
    if (std::exchange(linked_, true)) return;
  }
  // Outside of the lock: it may run the callback at once.
  std::shared_ptr<void> link =
      parent.on_stop([state = stop_state()] { state->Request(); });
  absl::MutexLock lock(&stop_mu_);
  link_.swap(link);
}

void CallControl::Unlink() {
  std::shared_ptr<void> link;  // Its end waits for the callback.
  absl::MutexLock lock(&stop_mu_);
  linked_ = false;
  link_.swap(link);
}

void CallControl::SignalStop() {
  aborted_.store(true, std::memory_order_release);
  std::shared_ptr<StopState> state;
  {
    absl::MutexLock lock(&stop_mu_);
    state = stop_state_;
  }
  if (state != nullptr) state->Request();
}

}  // namespace internal

bool stop_requested() {
  for (const internal::TaskContext* task = internal::CurrentThread()->task;
       task != nullptr; task = task->outer) {
    if (task->call != nullptr && task->call->aborted()) return true;
    if (task->remote_stop != nullptr &&
        task->remote_stop->load(std::memory_order_relaxed) != 0) {
      return true;
    }
    if (task->own_stop != nullptr && task->own_stop->requested()) return true;
    if (task->deadline.has_value() &&
        std::chrono::steady_clock::now() >= *task->deadline) {
      return true;
    }
  }
  return false;
}

namespace {

StopToken TokenOf(const internal::TaskContext* task) {
  for (; task != nullptr; task = task->outer) {
    if (task->own_stop != nullptr) return StopToken(task->own_stop);
    if (task->call == nullptr) continue;
    // Of a plain loop in a task: the calls around it stop it, too.
    if (task->outer != nullptr) task->call->LinkTo(TokenOf(task->outer));
    return StopToken(task->call->stop_state());
  }
  return StopToken();
}

}  // namespace

StopToken current_stop_token() {
  return TokenOf(internal::CurrentThread()->task);
}

int worker_index() {
  const internal::TaskContext* task = internal::CurrentThread()->task;
  return task != nullptr ? task->worker_index : 0;
}

}  // namespace joblib
