#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

#include "native/descriptor.h"
#include "native/descriptor_socket.h"
#include "native/errno_status.h"

namespace joblib::native {
namespace {

using Clock = std::chrono::steady_clock;

// One descriptor with each message.
union Control {
  cmsghdr align;
  char bytes[CMSG_SPACE(sizeof(int))];
};

// The descriptors of a message, each of which is ours from here on. Its padding
// has room for more than the one that an honest sender puts there.
std::vector<int> DescriptorsOf(msghdr& message) {
  std::vector<int> descriptors;
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr;
       header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) {
      continue;
    }
    const std::size_t n = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < n; ++i) {
      int descriptor;
      std::memcpy(&descriptor, CMSG_DATA(header) + i * sizeof descriptor,
                  sizeof descriptor);
      descriptors.push_back(descriptor);
    }
  }
  return descriptors;
}

bool MeansClosed(int error) {
  return error == EPIPE || error == ECONNRESET || error == ENOTCONN ||
         error == ECONNREFUSED;
}

absl::Status Closed() { return absl::AbortedError("the other end is closed"); }

// False: nothing came before `deadline`.
bool WaitReadable(int fd, Clock::time_point deadline) {
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(
        std::max(deadline - Clock::now(), Clock::duration::zero()));
    pollfd poll_fd = {.fd = fd, .events = POLLIN, .revents = 0};
    const int n =
        poll(&poll_fd, 1,
             static_cast<int>(std::min<std::int64_t>(left.count(), 1'000'000)));
    if (n > 0) return true;
    if (n == 0 && left.count() == 0) return false;
    if (n < 0 && errno != EINTR) return true;  // recvmsg will say what it is.
  }
}

}  // namespace

absl::StatusOr<std::pair<DescriptorSocket, DescriptorSocket>>
DescriptorSocket::Pair() {
  int fds[2];
  // SEQPACKET keeps a word and its descriptor one message.
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0,
                 fds) != 0) {
    return ErrnoStatus(errno, "socketpair");
  }
  return std::pair(DescriptorSocket(AboveStandard(fds[0])),
                   DescriptorSocket(AboveStandard(fds[1])));
}

absl::Status DescriptorSocket::Send(std::uint64_t word, int descriptor) const {
  // Not into a socket that the program has opened under this number.
  if (!fd_.IsOurs()) return Closed();
  iovec data = {.iov_base = &word, .iov_len = sizeof word};
  Control control = {};
  msghdr message = {};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  message.msg_control = control.bytes;
  message.msg_controllen = sizeof control.bytes;
  cmsghdr* const header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof(int));
  std::memcpy(CMSG_DATA(header), &descriptor, sizeof descriptor);
  for (;;) {
    if (sendmsg(fd(), &message, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0) {
      return absl::OkStatus();
    }
    if (errno == EINTR) continue;
    if (MeansClosed(errno)) return Closed();
    // ETOOMANYREFS: RLIMIT_NOFILE counts descriptors on the way, too.
    if (errno == EAGAIN || errno == ETOOMANYREFS || errno == ENOBUFS) {
      return absl::UnavailableError("the socket is full");
    }
    return ErrnoStatus(errno, "send a descriptor");
  }
}

absl::StatusOr<DescriptorSocket::Received> DescriptorSocket::Receive(
    std::chrono::milliseconds timeout, std::uint64_t* word_out) const {
  const Clock::time_point deadline = Clock::now() + timeout;
  for (;;) {
    std::uint64_t word = 0;
    iovec data = {.iov_base = &word, .iov_len = sizeof word};
    Control control = {};
    msghdr message = {};
    message.msg_iov = &data;
    message.msg_iovlen = 1;
    message.msg_control = control.bytes;
    message.msg_controllen = sizeof control.bytes;
    const ssize_t n = recvmsg(fd(), &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) {
      if (WaitReadable(fd(), deadline)) continue;
      return absl::UnavailableError("nothing came");
    }
    if (n == 0 || (n < 0 && MeansClosed(errno))) return Closed();
    if (n < 0) return ErrnoStatus(errno, "receive a descriptor");
    if (word_out != nullptr) *word_out = word;
    const std::vector<int> descriptors = DescriptorsOf(message);
    if (descriptors.size() == 1) {
      return Received{.word = word,
                      .descriptor = AboveStandard(descriptors[0])};
    }
    for (const int descriptor : descriptors) close(descriptor);
    if (descriptors.empty() && (message.msg_flags & MSG_CTRUNC) != 0) {
      return absl::ResourceExhaustedError(
          "a descriptor came, but this process has none left: raise "
          "RLIMIT_NOFILE (ulimit -n)");
    }
    return absl::InternalError("a message without a descriptor of its own");
  }
}

bool DescriptorSocket::PeerClosed() const { return SocketPeerClosed(fd()); }

}  // namespace joblib::native
