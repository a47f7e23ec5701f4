// The readable name of a type, out of what typeid(T).name() gives.
//
//   DemangledType("N6joblib12TimeoutErrorE")  // "joblib::TimeoutError"
//
// A module for pages has this instead of the runtime's __cxa_demangle, which
// also reads functions and expressions: 50 kB to name an exception.
#ifndef WASM_BINDINGS_TYPE_DEMANGLER_H_
#define WASM_BINDINGS_TYPE_DEMANGLER_H_

#include <optional>
#include <string>
#include <string_view>

namespace joblib::wasm::internal {

// Reads namespaces, classes, templates of types and numbers, pointers,
// references and function types, as the Itanium C++ ABI spells them. None for
// all else, such as a class within a function.
std::optional<std::string> DemangledType(std::string_view mangled);

}  // namespace joblib::wasm::internal

#endif  // WASM_BINDINGS_TYPE_DEMANGLER_H_
