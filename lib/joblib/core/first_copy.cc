#include "joblib/core/first_copy.h"

#include <stdexcept>
#include <string>

#include "absl/status/statusor.h"

namespace joblib::internal {

const void* FindFirstCopy(const char* name, const void* own) {
  const absl::StatusOr<const void*> first =
      native::FirstCopy(std::string("joblib.") + name, own, JOBLIB_VERSION);
  if (first.ok()) return *first;
  throw std::logic_error("joblib: " + std::string(first.status().message()));
}

}  // namespace joblib::internal
