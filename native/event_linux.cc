#include <poll.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdint>

#include "native/descriptor.h"
#include "native/errno_status.h"
#include "native/event.h"

namespace joblib::native {

Event::~Event() {
  const int fd = fd_.load();
  if (fd >= 0 && IsOurs(fd)) close(fd);
}

absl::Status Event::Open() {
  const int fd = AboveStandard(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (fd < 0) return ErrnoStatus(errno, "eventfd");
  struct stat info = {};
  if (fstat(fd, &info) != 0) return ErrnoStatus(errno, "fstat");
  device_ = info.st_dev;
  inode_ = info.st_ino;
  fd_.store(fd);
  return absl::OkStatus();
}

bool Event::IsOurs(int fd) const {
  struct stat info = {};
  return fstat(fd, &info) == 0 && info.st_dev == device_ &&
         info.st_ino == inode_;
}

void Event::Set() {
  const int fd = fd_.load();
  if (!IsOurs(fd)) return;
  const std::uint64_t one = 1;
  // EAGAIN: it is set already, often.
  [[maybe_unused]] const ssize_t n = write(fd, &one, sizeof one);
}

void Event::Wait(const std::vector<int>& readable,
                 const std::vector<int>& connected,
                 std::optional<std::chrono::milliseconds> timeout) {
  if (!IsOurs(fd_.load())) {
    fd_.store(AboveStandard(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)));
  }
  const int own = fd_.load();
  std::vector<pollfd> polled;
  polled.reserve(1 + readable.size() + connected.size());
  polled.push_back({own, POLLIN, 0});
  for (const int fd : readable) polled.push_back({fd, POLLIN, 0});
  for (const int fd : connected) polled.push_back({fd, 0, 0});  // POLLHUP.
  int milliseconds = -1;
  if (timeout.has_value()) {
    milliseconds = static_cast<int>(
        std::clamp<std::int64_t>(timeout->count(), 0, INT_MAX));
  }
  if (poll(polled.data(), polled.size(), milliseconds) < 0) {
    for (pollfd& p : polled) p.revents = 0;
    if (errno != EINTR) polled[0].revents = POLLIN;
  }
  if (polled[0].revents != 0) {
    std::uint64_t count;
    [[maybe_unused]] const ssize_t n = read(own, &count, sizeof count);
  }
}

}  // namespace joblib::native
