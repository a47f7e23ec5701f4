#include "native/read_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>

namespace joblib::native {
namespace {

constexpr std::size_t kMaxSize = 16 << 20;  // Far above any mountinfo.

}  // namespace

std::optional<std::string> ReadSmallFile(const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY);
  if (fd < 0) return std::nullopt;
  std::string text;
  char piece[4096];
  for (;;) {
    const ssize_t n = read(fd, piece, sizeof(piece));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 || text.size() + static_cast<std::size_t>(n) > kMaxSize) {
      close(fd);
      return std::nullopt;
    }
    if (n == 0) break;
    text.append(piece, static_cast<std::size_t>(n));
  }
  close(fd);
  return text;
}

}  // namespace joblib::native
