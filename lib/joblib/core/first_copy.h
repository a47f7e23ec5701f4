// What all copies of this library in a process share: each shared function has
// a table of its own, and the first copy's is used by all.
//
//   JOBLIB_COPY_OF("warnings", Table, joblib_copy_warnings, {&Emit});
//   ... FirstCopy("warnings", joblib_copy_warnings).emit(...)
//
// Source: native/first_copy.h. Thread-safety: any thread, at any time.
#ifndef JOBLIB_CORE_FIRST_COPY_H_
#define JOBLIB_CORE_FIRST_COPY_H_

#include "joblib/core/version.h"
#include "native/first_copy.h"

// At namespace scope, in a .cc file: this copy's table.
#define JOBLIB_COPY_OF(name, type, symbol, ...)                   \
  extern "C" {                                                    \
  __attribute__((visibility("hidden"))) extern const type symbol; \
  JOBLIB_COPY_USED constinit const type symbol = __VA_ARGS__;     \
  }                                                               \
  JOBLIB_COPY_NOTE("joblib." name, #symbol, JOBLIB_VERSION)

namespace joblib::internal {

// Throws std::logic_error if the first copy is of another version.
const void* FindFirstCopy(const char* name, const void* own);

template <class Table>
constexpr const Table& FirstCopy([[maybe_unused]] const char* name,
                                 const Table& own) {
  // Where there is one copy, the linker sees through: what it never calls goes.
  if constexpr (JOBLIB_MAY_HAVE_COPIES) {
    return *static_cast<const Table*>(FindFirstCopy(name, &own));
  } else {
    return own;
  }
}

}  // namespace joblib::internal

#endif  // JOBLIB_CORE_FIRST_COPY_H_
