// StopSource and StopToken: asking a call to stop, and hearing of it.
//
//   joblib::StopSource stop;
//   joblib::Parallel parallel({.stop_token = stop.token()});
//   ... another thread: stop.request_stop();   // The call: CancelledError.
//
// Like std::stop_source, which one of our compilers lacks. Copies share one
// state. Thread-safety: any thread may call anything.
#ifndef JOBLIB_CORE_STOP_TOKEN_H_
#define JOBLIB_CORE_STOP_TOKEN_H_

#include <functional>
#include <memory>
#include <utility>

namespace joblib {
namespace internal {
class StopState;
}  // namespace internal

// Hears of a stop.
class StopToken {
 public:
  StopToken() = default;  // Never stops.
  // StopSource::token() makes it.
  explicit StopToken(std::shared_ptr<internal::StopState> state)
      : state_(std::move(state)) {}

  // Whether the stop came.
  bool stop_requested() const;

  // Runs `callback` once when the stop comes, on the thread that asks for it,
  // or at once if it came already; not after the returned handle has died,
  // whose destructor waits for a callback running on another thread. The
  // callback must not throw.
  std::shared_ptr<void> on_stop(std::function<void()> callback) const;

 private:
  std::shared_ptr<internal::StopState> state_;
};

// Asks for a stop.
class StopSource {
 public:
  StopSource();         // Of a state of its own.
  void request_stop();  // Again: nothing.
  // What hears of it.
  StopToken token() const { return StopToken(state_); }

 private:
  std::shared_ptr<internal::StopState> state_;
};

}  // namespace joblib

#endif  // JOBLIB_CORE_STOP_TOKEN_H_
