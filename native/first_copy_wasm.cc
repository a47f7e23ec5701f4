// A WebAssembly module has one copy of everything.
#include "native/first_copy.h"

namespace joblib::native {

absl::StatusOr<const void*> FirstCopy(std::string_view, const void* own,
                                      std::string_view) {
  return own;
}

}  // namespace joblib::native
