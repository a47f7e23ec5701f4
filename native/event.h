// Event: wakes one thread that waits for it and for descriptors at once.
//
// Where the program has closed its descriptor, the waiting thread makes a new
// one at its next Wait; until then Set does nothing.
//
// Thread-safety: Set from any thread and from a child of vfork; Wait by one.
#ifndef JOBLIB_NATIVE_EVENT_H_
#define JOBLIB_NATIVE_EVENT_H_

#include <atomic>
#include <chrono>
#include <cstdint>
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
  // Waits until it is set, one of `readable` is readable, one of `connected`
  // has lost its other end, or `timeout` (unset: for ever) is over; -1 is
  // passed over. The event is not set afterwards.
  void Wait(const std::vector<int>& readable, const std::vector<int>& connected,
            std::optional<std::chrono::milliseconds> timeout);

 private:
  // Whether the number is still that of our file: a program may have closed it
  // and opened one of its own.
  bool IsOurs(int fd) const;

  std::atomic<int> fd_{-1};
  std::uint64_t device_ = 0, inode_ = 0;  // The same for all of them.
};

}  // namespace joblib::native

#endif  // JOBLIB_NATIVE_EVENT_H_
