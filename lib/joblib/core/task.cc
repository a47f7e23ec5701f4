#include "joblib/core/task.h"

#include "joblib/core/call_control.h"
#include "joblib/core/thread_state.h"

namespace joblib {
namespace internal {

std::shared_ptr<StopState> CallControl::stop_state() {
  std::shared_ptr<StopState> state;
  {
    absl::MutexLock lock(&stop_mu_);
    if (stop_state_ == nullptr) stop_state_ = std::make_shared<StopState>();
    state = stop_state_;
  }
  // SignalStop() may have come and gone before there was a state to signal.
  if (aborted()) state->Request();
  return state;
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
    if (task->own_stop != nullptr && task->own_stop->requested()) return true;
    if (task->deadline.has_value() &&
        std::chrono::steady_clock::now() >= *task->deadline) {
      return true;
    }
  }
  return false;
}

StopToken current_stop_token() {
  for (const internal::TaskContext* task = internal::CurrentThread()->task;
       task != nullptr; task = task->outer) {
    if (task->own_stop != nullptr) return StopToken(task->own_stop);
    if (task->call != nullptr) return StopToken(task->call->stop_state());
  }
  return StopToken();
}

int worker_index() {
  const internal::TaskContext* task = internal::CurrentThread()->task;
  return task != nullptr ? task->worker_index : 0;
}

}  // namespace joblib
