// Warnings go through one handler of the process, which a program or a test may
// replace. The default one prints "category: message" to stderr.
//
// Thread-safety: any thread. The handler runs on the thread that called into
// the library and may call back into it; what it throws reaches that caller.
#ifndef JOBLIB_CORE_WARNING_H_
#define JOBLIB_CORE_WARNING_H_

#include <functional>
#include <string>

namespace joblib {

// What a handler gets.
struct Warning {
  std::string category;  // "UserWarning", as in Python.
  std::string message;   // One line or more, without an end of line.
};

// What the program does with a warning.
using WarningHandler = std::function<void(const Warning&)>;

// Returns the former handler. An empty one stands for the default.
WarningHandler set_warning_handler(WarningHandler handler);

namespace internal {
// Hands it to the handler.
void EmitWarning(const Warning& warning);
// Hands a UserWarning to the handler.
void Warn(const std::string& message);
// The same where what the handler throws would do harm: it is dropped.
void WarnQuietly(const std::string& message) noexcept;
}  // namespace internal

}  // namespace joblib

#endif  // JOBLIB_CORE_WARNING_H_
