// CallControl: what a running task can ask of the call it belongs to.
//
// Thread-safety: any thread.
#ifndef JOBLIB_CORE_CALL_CONTROL_H_
#define JOBLIB_CORE_CALL_CONTROL_H_

#include <atomic>
#include <functional>
#include <memory>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "joblib/core/stop_state.h"
#include "joblib/core/stop_token.h"

namespace joblib::internal {

class CallControl {
 public:
  // True from the abort on.
  bool aborted() const { return aborted_.load(std::memory_order_acquire); }
  // Made at the first question: most calls are never asked.
  std::shared_ptr<StopState> stop_state() ABSL_LOCKS_EXCLUDED(stop_mu_);
  // `ask` runs once, before the first stop_state() is given: whoever is to call
  // SignalStop() need not be there before. Before the call's tasks.
  void SetOnFirstToken(std::function<void()> ask) { ask_ = std::move(ask); }
  // Makes stop_state() stop with `parent`, too: once, until the next Unlink.
  // Does not touch aborted().
  void LinkTo(const StopToken& parent) ABSL_LOCKS_EXCLUDED(stop_mu_);
  void Unlink() ABSL_LOCKS_EXCLUDED(stop_mu_);
  // Sets aborted() and runs the callbacks of whoever listens.
  void SignalStop() ABSL_LOCKS_EXCLUDED(stop_mu_);

 private:
  std::function<void()> ask_;
  std::atomic<bool> aborted_{false};
  absl::Mutex stop_mu_;
  std::shared_ptr<StopState> stop_state_ ABSL_GUARDED_BY(stop_mu_);
  bool linked_ ABSL_GUARDED_BY(stop_mu_) = false;
  std::shared_ptr<void> link_ ABSL_GUARDED_BY(stop_mu_);
};

}  // namespace joblib::internal

#endif  // JOBLIB_CORE_CALL_CONTROL_H_
