#include <sys/ioctl.h>
#include <unistd.h>

#include "native/terminal.h"

namespace joblib::native {

bool StderrIsTerminal() { return isatty(STDERR_FILENO) == 1; }

std::optional<int> StderrWidth() {
  winsize size = {};
  if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) {
    return std::nullopt;
  }
  return size.ws_col;
}

}  // namespace joblib::native
