#include "native/terminal.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <optional>

#include "gtest/gtest.h"

namespace joblib::native {
namespace {

// Puts `fd` in the place of stderr for a scope, and owns it.
class ScopedStderr {
 public:
  explicit ScopedStderr(int fd) : fd_(fd), before_(dup(STDERR_FILENO)) {
    dup2(fd_, STDERR_FILENO);
  }
  ~ScopedStderr() {
    dup2(before_, STDERR_FILENO);
    close(before_);
    close(fd_);
  }

 private:
  int fd_;
  int before_;
};

TEST(TerminalTest, AFileIsNone) {
  const ScopedStderr redirected(open("/dev/null", O_WRONLY | O_CLOEXEC));
  EXPECT_FALSE(StderrIsTerminal());
  EXPECT_EQ(StderrWidth(), std::nullopt);
}

TEST(TerminalTest, ATerminalHasAWidthUnlessItDoesNotSay) {
  const int window = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (window < 0 || grantpt(window) != 0 || unlockpt(window) != 0) {
    GTEST_SKIP() << "no pseudo terminals here";
  }
  {
    const int terminal = open(ptsname(window), O_RDWR | O_NOCTTY | O_CLOEXEC);
    ASSERT_GE(terminal, 0);
    const ScopedStderr redirected(terminal);
    EXPECT_TRUE(StderrIsTerminal());
    EXPECT_EQ(StderrWidth(), std::nullopt);
    winsize size = {};
    size.ws_col = 123;
    ASSERT_EQ(ioctl(window, TIOCSWINSZ, &size), 0);
    EXPECT_EQ(StderrWidth(), 123);
  }
  close(window);
}

}  // namespace
}  // namespace joblib::native
