#include "joblib/core/shipped_runner.h"

#include "absl/base/attributes.h"
#include "joblib/core/byte_reader.h"

namespace joblib::internal {
namespace {

bool IsAligned(const void* at) {
  return reinterpret_cast<std::uintptr_t>(at) % alignof(ShippedRunner) == 0;
}

// Anywhere in the module: also where a sanitizer knows of no object.
ABSL_ATTRIBUTE_NO_SANITIZE_ADDRESS std::uint64_t WordAt(const void* at) {
  return *static_cast<const std::uint64_t*>(at);
}

}  // namespace

const ShippedRunner& FindRunner(CodeRef ref) {
  const void* const at = TheCodeRefs().FindConstant(ref, sizeof(ShippedRunner));
  if (at == nullptr || !IsAligned(at) || WordAt(at) != ShippedRunner::kMark) {
    throw DecodeError(
        "joblib: what was sent to this process to be called is no runner of "
        "delayed calls. Is the sender another program?");
  }
  return *static_cast<const ShippedRunner*>(at);
}

}  // namespace joblib::internal
