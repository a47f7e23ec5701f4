#include "joblib/backends/process/stop_watcher.h"

#include <chrono>
#include <utility>

#include "native/shared_futex.h"
#include "native/thread.h"

namespace joblib::internal {
namespace {

// A program gone wild may forget to wake.
constexpr std::chrono::seconds kLookAgain{1};

}  // namespace

std::shared_ptr<CallControl> StopWatcher::BeginCall() {
  auto call = std::make_shared<CallControl>();
  call->SetOnFirstToken([this] { StartOnce(); });
  absl::MutexLock lock(&mu_);
  call_ = call;
  return call;
}

void StopWatcher::StartOnce() {
  absl::MutexLock lock(&mu_);
  if (std::exchange(started_, true)) return;
  // Without it, tasks still end by asking stop_requested().
  native::StartThread([this] { Watch(); }, "joblib-stop").IgnoreError();
}

void StopWatcher::Watch() {
  std::shared_ptr<CallControl> stopped;
  for (;;) {
    const std::uint32_t stop = stop_.load(std::memory_order_acquire);
    if (stop != 0) {
      std::shared_ptr<CallControl> call;
      {
        absl::MutexLock lock(&mu_);
        call = call_;
      }
      if (call != stopped) {
        stopped = std::move(call);
        stopped->SignalStop();
      }
    }
    native::SharedFutexWait(stop_, stop, kLookAgain);
  }
}

}  // namespace joblib::internal
