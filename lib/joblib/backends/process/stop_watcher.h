// StopWatcher: a worker process's ear for the end of the call whose task it
// runs, for tasks that ask to be woken by it (StopToken::on_stop). Its thread
// is started by the first that asks.
//
// Thread-safety: any thread. Never destroyed: a worker ends from within.
#ifndef JOBLIB_BACKENDS_PROCESS_STOP_WATCHER_H_
#define JOBLIB_BACKENDS_PROCESS_STOP_WATCHER_H_

#include <atomic>
#include <cstdint>
#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "joblib/core/call_control.h"

namespace joblib::internal {

class StopWatcher {
 public:
  // stop: the channel's word, 1 while the running call is to end.
  explicit StopWatcher(const std::atomic<std::uint32_t>* stop) : stop_(*stop) {}
  StopWatcher(const StopWatcher&) = delete;

  // The control of the call whose tasks run from now on.
  std::shared_ptr<CallControl> BeginCall() ABSL_LOCKS_EXCLUDED(mu_);

 private:
  void StartOnce() ABSL_LOCKS_EXCLUDED(mu_);
  [[noreturn]] void Watch() ABSL_LOCKS_EXCLUDED(mu_);

  const std::atomic<std::uint32_t>& stop_;
  absl::Mutex mu_;
  std::shared_ptr<CallControl> call_ ABSL_GUARDED_BY(mu_);
  bool started_ ABSL_GUARDED_BY(mu_) = false;
};

}  // namespace joblib::internal

#endif  // JOBLIB_BACKENDS_PROCESS_STOP_WATCHER_H_
