#include "joblib/core/type_name.h"

#include <cxxabi.h>

#include <cstdlib>
#include <exception>
#include <memory>

#include "joblib/core/outcome.h"

// The runtime's own function under a name of ours: its header does not say that
// Emscripten 3.1.6, which catches in JavaScript, has none. Null there.
extern "C" [[gnu::weak]] const std::type_info*
JoblibCurrentExceptionType() __asm__("__cxa_current_exception_type");

namespace joblib::internal {

std::string TypeName(const std::type_info& type) {
  int status = 0;
  const std::unique_ptr<char, decltype(&std::free)> name(
      abi::__cxa_demangle(type.name(), nullptr, nullptr, &status), &std::free);
  return status == 0 ? name.get() : type.name();
}

std::string ClassName(const std::type_info& type) {
  const std::string name = TypeName(type);
  // Only what stands before template arguments can be a scope to drop.
  const std::size_t scope = name.rfind("::", name.find('<'));
  return scope == std::string::npos ? name : name.substr(scope + 2);
}

std::string ExceptionMessage(const std::exception_ptr& error) {
  if (error == nullptr) return "";
  try {
    std::rethrow_exception(error);
  } catch (const std::exception& e) {
    return e.what();
  } catch (...) {
    const std::type_info* type = &JoblibCurrentExceptionType != nullptr
                                     ? JoblibCurrentExceptionType()
                                     : nullptr;
    return type != nullptr ? "an exception of type " + TypeName(*type)
                           : "an exception of unknown type";
  }
}

}  // namespace joblib::internal
