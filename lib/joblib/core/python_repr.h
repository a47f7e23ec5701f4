// Values as Python would write them, for texts that must equal joblib's.
//
//   PythonRepr(10000000.0)  // 10000000.0
//   PythonRepr(1e16)        // 1e+16
//   PythonRepr("it's")      // "it's"
//
// A text is UTF-8; a byte that is not counts as one character and is written
// the way Python writes what it could not decode: \udc80 to \udcff.

#ifndef JOBLIB_CORE_PYTHON_REPR_H_
#define JOBLIB_CORE_PYTHON_REPR_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace joblib::internal {

// The fewest digits that read back as `value`.
std::string PythonRepr(double value);
std::string PythonRepr(std::int64_t value);
inline std::string PythonRepr(int value) {
  return PythonRepr(std::int64_t{value});
}
// In single quotes, or in double ones if only that spares an escape. Code
// points that no Unicode version has assigned are left as they are.
std::string PythonRepr(std::string_view text);

// len(text): code points, not bytes.
std::size_t PythonLength(std::string_view text);
// text[:n_characters].
std::string_view PythonPrefix(std::string_view text, std::size_t n_characters);

}  // namespace joblib::internal

#endif  // JOBLIB_CORE_PYTHON_REPR_H_
