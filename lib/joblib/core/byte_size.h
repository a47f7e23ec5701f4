// Sizes of memory as text, as the max_nbytes option takes them.
//
//   ParseByteSize("1.5M", &why)  // 1572864

#ifndef JOBLIB_CORE_BYTE_SIZE_H_
#define JOBLIB_CORE_BYTE_SIZE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace joblib::internal {

// The bytes that `text` stands for: a number as Python's float() reads it (in
// ASCII), then K, M or G (powers of 1024), the product rounded toward zero.
//
// None, and joblib's text in *why: no such size, a negative one (joblib takes
// it, to no purpose), or one beyond 2**63 - 1. (Not absl::Status: as in
// native/cpu_count.h.)
std::optional<std::int64_t> ParseByteSize(std::string_view text,
                                          std::string* why);

}  // namespace joblib::internal

#endif  // JOBLIB_CORE_BYTE_SIZE_H_
