// An errno as a Status, named once and with its context.
//
//   if (fd < 0) return ErrnoStatus(errno, absl::StrCat("open ", path));
//   // NOT_FOUND: "open /tmp/x: No such file or directory"
//
// Thread-safety: yes.
#ifndef JOBLIB_NATIVE_ERRNO_STATUS_H_
#define JOBLIB_NATIVE_ERRNO_STATUS_H_

#include <string_view>

#include "absl/status/status.h"

namespace joblib::native {

// Abseil's code for `error` (an errno, not 0), but for EAGAIN: here it means
// that the system has no more of something, RESOURCE_EXHAUSTED. Of descriptors
// it says which limit to raise.
absl::Status ErrnoStatus(int error, std::string_view context);

}  // namespace joblib::native

#endif  // JOBLIB_NATIVE_ERRNO_STATUS_H_
