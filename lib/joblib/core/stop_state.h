// StopState: what StopSource and its tokens share.
//
// Thread-safety: any thread.
#ifndef JOBLIB_CORE_STOP_STATE_H_
#define JOBLIB_CORE_STOP_STATE_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace joblib::internal {

class StopState : public std::enable_shared_from_this<StopState> {
 public:
  bool requested() const { return requested_.load(std::memory_order_acquire); }
  void Request() ABSL_LOCKS_EXCLUDED(mu_);
  // See StopToken::on_stop.
  std::shared_ptr<void> OnStop(std::function<void()> callback)
      ABSL_LOCKS_EXCLUDED(mu_);

 private:
  struct Callback;
  void Remove(Callback& callback) ABSL_LOCKS_EXCLUDED(mu_);

  std::atomic<bool> requested_{false};
  absl::Mutex mu_;
  std::map<std::uint64_t, std::shared_ptr<Callback>> callbacks_
      ABSL_GUARDED_BY(mu_);
  std::uint64_t next_id_ ABSL_GUARDED_BY(mu_) = 0;
};

}  // namespace joblib::internal

#endif  // JOBLIB_CORE_STOP_STATE_H_
