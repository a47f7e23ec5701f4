// Companion: another program that runs beside this one, and the stream on which
// the two talk.
//
//   absl::StatusOr<Companion> python = Companion::Start({"python3", "-c",
//   text}); python->stream.Write({{"hello", 5}});
//
// Its end of the stream is descriptor 3; it inherits 0 (as /dev/null), 1 (this
// program's 2: its output is noise), 2 and nothing else. It has a process group
// of its own, so that the terminal's Ctrl-C is this program's alone. It learns
// of this program's end by the stream's.
#ifndef JOBLIB_NATIVE_COMPANION_H_
#define JOBLIB_NATIVE_COMPANION_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "native/stream.h"

namespace joblib::native {

// Thread-safety: like a plain value; its stream: see there.
class Companion {
 public:
  Companion() = default;
  Companion(Companion&& other) noexcept
      : stream(std::move(other.stream)), pid_(std::exchange(other.pid_, -1)) {}
  Companion& operator=(Companion&& other) noexcept {
    std::swap(stream, other.stream);
    std::swap(pid_, other.pid_);
    return *this;
  }

  // arguments[0] is looked for in PATH. Errors: NOT_FOUND, PERMISSION_DENIED,
  // RESOURCE_EXHAUSTED, with its name and errno's text.
  static absl::StatusOr<Companion> Start(
      const std::vector<std::string>& arguments);

  std::int64_t pid() const { return pid_; }
  // Ends it and all of its process group. Not after Reap.
  void Kill() const;
  // Waits for its end.
  void Reap() const;

  Stream stream;

 private:
  std::int64_t pid_ = -1;
};

}  // namespace joblib::native

#endif  // JOBLIB_NATIVE_COMPANION_H_
