#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <cerrno>
#include <vector>

#include "native/stream.h"

namespace joblib::native {

bool Stream::Read(void* bytes, std::size_t n) const {
  auto* at = static_cast<char*>(bytes);
  while (n > 0) {
    const ssize_t got = recv(fd(), at, n, 0);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    at += got;
    n -= static_cast<std::size_t>(got);
  }
  return true;
}

bool Stream::Write(std::initializer_list<std::string_view> pieces) const {
  std::vector<iovec> left;
  for (const std::string_view piece : pieces) {
    if (piece.empty()) continue;
    left.push_back(
        {.iov_base = const_cast<char*>(piece.data()), .iov_len = piece.size()});
  }
  for (std::size_t first = 0; first < left.size();) {
    msghdr message = {};
    message.msg_iov = left.data() + first;
    message.msg_iovlen = left.size() - first;
    const ssize_t written = sendmsg(fd(), &message, MSG_NOSIGNAL);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return false;
    auto n = static_cast<std::size_t>(written);
    while (first < left.size() && n >= left[first].iov_len) {
      n -= left[first++].iov_len;
    }
    if (first < left.size()) {
      left[first].iov_base = static_cast<char*>(left[first].iov_base) + n;
      left[first].iov_len -= n;
    }
  }
  return true;
}

void Stream::Shutdown() const {
  if (fd_.IsOurs()) shutdown(fd(), SHUT_RDWR);
}

}  // namespace joblib::native
