// Whether somebody watches stderr, and how wide the window is.
//
// Both are asked anew at each call (1 us): a window can be resized.
// Thread-safety: all functions. Sources: isatty(3), ioctl_tty(2) TIOCGWINSZ.
#ifndef JOBLIB_NATIVE_TERMINAL_H_
#define JOBLIB_NATIVE_TERMINAL_H_

#include <optional>

namespace joblib::native {

bool StderrIsTerminal();

// In columns. nullopt if stderr is no terminal or doesn't say.
std::optional<int> StderrWidth();

}  // namespace joblib::native

#endif  // JOBLIB_NATIVE_TERMINAL_H_
