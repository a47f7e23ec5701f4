#include "native/errno_status.h"

#include <cerrno>

#include "absl/strings/str_cat.h"

namespace joblib::native {

absl::Status ErrnoStatus(int error, std::string_view context) {
  absl::Status status = absl::ErrnoToStatus(error, context);
  if (error == EMFILE) {
    return absl::ResourceExhaustedError(
        absl::StrCat(status.message(), " (ulimit -n)"));
  }
  if (error != EAGAIN) return status;
  return absl::ResourceExhaustedError(status.message());
}

}  // namespace joblib::native
