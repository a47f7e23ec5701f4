// What all of native/ does with descriptor numbers. Not for callers.
//
// Thread-safety: all functions.
#ifndef JOBLIB_NATIVE_DESCRIPTOR_H_
#define JOBLIB_NATIVE_DESCRIPTOR_H_

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>

namespace joblib::native {

// `fd`, or where that is 0, 1 or 2 (the program closed its own) the same file
// above them, close-on-exec: a worker has other files there, and so has a
// program that reopens them. Unchanged where no number is left.
inline int AboveStandard(int fd) {
  if (fd < 0 || fd > 2) return fd;
  const int higher = fcntl(fd, F_DUPFD_CLOEXEC, 3);
  if (higher < 0) return fd;
  close(fd);
  return higher;
}

// Whether the other end of the socket `fd` is closed, read or unread messages
// notwithstanding. Async-signal-safe.
inline bool SocketPeerClosed(int fd) {
  pollfd poll_fd = {.fd = fd, .events = 0, .revents = 0};
  int n = 0;
  do {
    n = poll(&poll_fd, 1, 0);
  } while (n < 0 && errno == EINTR);
  return n > 0 && (poll_fd.revents & (POLLHUP | POLLERR | POLLNVAL)) != 0;
}

}  // namespace joblib::native

#endif  // JOBLIB_NATIVE_DESCRIPTOR_H_
