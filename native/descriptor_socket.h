// DescriptorSocket: one end of a socketpair over which descriptors travel, each
// with a word that says what it is.
//
// Never blocks unless asked to wait; never raises SIGPIPE. Thread-safety: like
// a plain value; the two ends are independent.
#ifndef JOBLIB_NATIVE_DESCRIPTOR_SOCKET_H_
#define JOBLIB_NATIVE_DESCRIPTOR_SOCKET_H_

#include <chrono>
#include <cstdint>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "native/kept_descriptor.h"

namespace joblib::native {

class DescriptorSocket {
 public:
  DescriptorSocket() = default;
  explicit DescriptorSocket(int fd) : fd_(fd) {}  // Takes it over.

  // Both ends, close-on-exec and non-blocking.
  static absl::StatusOr<std::pair<DescriptorSocket, DescriptorSocket>> Pair();

  int fd() const { return fd_.get(); }
  // `descriptor` stays the caller's. Errors: UNAVAILABLE: full for now (EAGAIN,
  // ETOOMANYREFS); ABORTED: the other end is closed.
  absl::Status Send(std::uint64_t word, int descriptor) const;
  // Waits up to `timeout`. The descriptor is the receiver's, close-on-exec.
  // Errors: UNAVAILABLE: nothing came; ABORTED: the other end is closed;
  // RESOURCE_EXHAUSTED: it came, but this process has no descriptor left; then,
  // too, *word is what it came with.
  struct Received {
    std::uint64_t word;
    int descriptor;
  };
  absl::StatusOr<Received> Receive(std::chrono::milliseconds timeout,
                                   std::uint64_t* word = nullptr) const;
  // Whether the other end is closed, as far as is known now.
  bool PeerClosed() const;

 private:
  KeptDescriptor fd_;
};

}  // namespace joblib::native

#endif  // JOBLIB_NATIVE_DESCRIPTOR_SOCKET_H_
