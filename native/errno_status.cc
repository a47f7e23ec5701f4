#include "native/errno_status.h"

#include <cerrno>

namespace joblib::native {

absl::Status ErrnoStatus(int error, std::string_view context) {
  absl::Status status = absl::ErrnoToStatus(error, context);
  if (error != EAGAIN) return status;
  return absl::ResourceExhaustedError(status.message());
}

}  // namespace joblib::native
