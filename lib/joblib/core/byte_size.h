// Sizes of memory as text, as the max_nbytes option takes them.
//
//   ParseByteSize("1.5M")  // 1572864

#ifndef JOBLIB_CORE_BYTE_SIZE_H_
#define JOBLIB_CORE_BYTE_SIZE_H_

#include <cstdint>
#include <string_view>

#include "absl/status/statusor.h"

namespace joblib::internal {

// The bytes that `text` stands for: a number as Python's float() reads it (in
// ASCII), then K, M or G (powers of 1024), the product rounded toward zero.
//
// Errors: INVALID_ARGUMENT, with joblib's text: no such size, a negative one
// (joblib takes it, to no purpose), or one beyond 2**63 - 1.
absl::StatusOr<std::int64_t> ParseByteSize(std::string_view text);

}  // namespace joblib::internal

#endif  // JOBLIB_CORE_BYTE_SIZE_H_
