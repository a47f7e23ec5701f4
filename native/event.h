// Event: wakes one thread that waits for it and for descriptors at once.
//
// Thread-safety: Set from any thread and from a child of vfork; Wait by one.
#ifndef JOBLIB_NATIVE_EVENT_H_
#define JOBLIB_NATIVE_EVENT_H_

#include <chrono>
#include <optional>
#include <vector>

#include "absl/status/status.h"

namespace joblib::native {

class Event {
 public:
  Event() = default;
  Event(const Event&) = delete;
  ~Event();

  // Before all else. Errors: RESOURCE_EXHAUSTED (descriptors).
  absl::Status Open();
  void Set();
  // Waits until it is set, one of `descriptors` is readable or hung up, or
  // `timeout` (unset: for ever) is over. ready[i] says it of descriptors[i],
  // where -1 never is. The event is not set afterwards.
  void Wait(const std::vector<int>& descriptors,
            std::optional<std::chrono::milliseconds> timeout,
            std::vector<bool>* ready);

 private:
  int fd_ = -1;
};

}  // namespace joblib::native

#endif  // JOBLIB_NATIVE_EVENT_H_
