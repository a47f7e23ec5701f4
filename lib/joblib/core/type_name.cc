#include "joblib/core/type_name.h"

#include <cxxabi.h>

#include <cstdlib>
#include <exception>
#include <memory>
#include <string_view>

#include "joblib/core/outcome.h"

// The runtime's own function under a name of ours: its header does not say that
// Emscripten 3.1.6, which catches in JavaScript, has none. Null there.
extern "C" [[gnu::weak]] const std::type_info*
JoblibCurrentExceptionType() __asm__("__cxa_current_exception_type");

namespace joblib::internal {
namespace {

void ReplaceAll(std::string_view from, std::string_view to, std::string* text) {
  for (std::size_t at = 0; (at = text->find(from, at)) != std::string::npos;
       at += to.size()) {
    text->replace(at, from.size(), to);
  }
}

// Drops ", std::allocator<...>" and the like.
void DropArgument(std::string_view argument, std::string* text) {
  std::size_t at;
  while ((at = text->find(argument)) != std::string::npos) {
    std::size_t end = at + argument.size();
    for (int open = 1; open > 0 && end < text->size(); ++end) {
      if ((*text)[end] == '<') ++open;
      if ((*text)[end] == '>') --open;
    }
    text->erase(at, end - at);
  }
}

std::string Readable(std::string name) {
  // Inline namespaces of libstdc++ and libc++.
  for (const char* version : {"std::__cxx11::", "std::__1::", "std::__2::"}) {
    ReplaceAll(version, "std::", &name);
  }
  ReplaceAll("[abi:cxx11]", "", &name);
  if (name.find('<') == std::string::npos) return name;
  ReplaceAll(" >", ">", &name);
  for (const char* argument :
       {", std::char_traits<", ", std::allocator<", ", std::default_delete<",
        ", std::less<", ", std::hash<", ", std::equal_to<"}) {
    DropArgument(argument, &name);
  }
  ReplaceAll("std::basic_string<char>", "std::string", &name);
  return name;
}

}  // namespace

std::string TypeName(const std::type_info& type) {
  int status = 0;
  const std::unique_ptr<char, decltype(&std::free)> name(
      abi::__cxa_demangle(type.name(), nullptr, nullptr, &status), &std::free);
  return status == 0 ? Readable(name.get()) : type.name();
}

std::string ClassName(const std::type_info& type) {
  const std::string name = TypeName(type);
  // Only what stands before template arguments can be a scope to drop.
  const std::size_t scope = name.rfind("::", name.find('<'));
  return scope == std::string::npos ? name : name.substr(scope + 2);
}

const std::type_info* CurrentExceptionType() {
  return &JoblibCurrentExceptionType != nullptr ? JoblibCurrentExceptionType()
                                                : nullptr;
}

std::string ExceptionMessage(const std::exception_ptr& error) {
  if (error == nullptr) return "";
  try {
    std::rethrow_exception(error);
  } catch (const std::exception& e) {
    return e.what();
  } catch (...) {
    const std::type_info* const type = CurrentExceptionType();
    return type != nullptr ? "an exception of type " + TypeName(*type)
                           : "an exception of unknown type";
  }
}

}  // namespace joblib::internal
