#include "joblib/core/shipped_runner.h"

#include <cstring>

#include "joblib/core/byte_reader.h"

namespace joblib::internal {

const ShippedRunner& FindRunner(CodeRef ref) {
  const void* const at = TheCodeRefs().FindConstant(ref, sizeof(ShippedRunner));
  std::uint64_t mark = 0;
  if (at != nullptr) std::memcpy(&mark, at, sizeof mark);
  if (mark != ShippedRunner::kMark) {
    throw DecodeError(
        "joblib: what was sent to this process to be called is no runner of "
        "delayed calls. Is the sender another program?");
  }
  return *static_cast<const ShippedRunner*>(at);
}

}  // namespace joblib::internal
