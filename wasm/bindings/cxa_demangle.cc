// The runtime's function, which reports of uncaught exceptions and
// joblib::internal::TypeName call, with type_demangler's understanding. A
// definition of the program's own keeps the linker from taking libc++abi's.
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string>

#include "wasm/bindings/type_demangler.h"

// For callers that have the name allocated, as all here do: no buffer of
// theirs.
extern "C" char* __cxa_demangle(const char* mangled, char* buffer,
                                std::size_t* size, int* status) {
  constexpr int kDone = 0, kNotAName = -2, kBadArgument = -3;
  int outcome = buffer != nullptr || size != nullptr ? kBadArgument : kNotAName;
  char* name = nullptr;
  if (outcome != kBadArgument) {
    const std::optional<std::string> type =
        joblib::wasm::internal::DemangledType(mangled);
    if (type.has_value()) name = strdup(type->c_str());
    if (name != nullptr) outcome = kDone;
  }
  if (status != nullptr) *status = outcome;
  return name;
}
