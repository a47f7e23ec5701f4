#include "joblib/core/stop_state.h"

#include <thread>
#include <utility>

#include "joblib/core/stop_token.h"

namespace joblib {
namespace internal {

struct StopState::Callback {
  std::uint64_t id;
  std::function<void()> run;
  // Set, under mu_, while it runs: a dying handle waits, except on the very
  // thread that runs it.
  bool running = false;
  std::thread::id runner;
};

void StopState::Request() {
  mu_.Lock();
  if (requested_.exchange(true)) {
    mu_.Unlock();
    return;
  }
  while (!callbacks_.empty()) {
    std::shared_ptr<Callback> callback = callbacks_.begin()->second;
    callbacks_.erase(callbacks_.begin());
    callback->running = true;
    callback->runner = std::this_thread::get_id();
    mu_.Unlock();
    callback->run();
    mu_.Lock();
    callback->running = false;
    // What it holds may itself let go of a handle of this state.
    mu_.Unlock();
    callback.reset();
    mu_.Lock();
  }
  mu_.Unlock();
}

std::shared_ptr<void> StopState::OnStop(std::function<void()> run) {
  auto callback = std::make_shared<Callback>();
  callback->run = std::move(run);
  {
    absl::MutexLock lock(&mu_);
    if (!requested_) {
      callback->id = next_id_++;
      callbacks_.emplace(callback->id, callback);
      return std::shared_ptr<void>(
          nullptr, [self = shared_from_this(), callback](void*) {
            self->Remove(*callback);
          });
    }
  }
  callback->run();
  return nullptr;
}

void StopState::Remove(Callback& callback) {
  absl::MutexLock lock(&mu_);
  callbacks_.erase(callback.id);
  if (callback.runner == std::this_thread::get_id()) return;
  mu_.Await(absl::Condition(
      +[](Callback* c) { return !c->running; }, &callback));
}

}  // namespace internal

bool StopToken::stop_requested() const {
  return state_ != nullptr && state_->requested();
}

std::shared_ptr<void> StopToken::on_stop(std::function<void()> callback) const {
  return state_ != nullptr ? state_->OnStop(std::move(callback)) : nullptr;
}

StopSource::StopSource() : state_(std::make_shared<internal::StopState>()) {}

void StopSource::request_stop() { state_->Request(); }

}  // namespace joblib
