// C++ type names as people write them.
#ifndef JOBLIB_CORE_TYPE_NAME_H_
#define JOBLIB_CORE_TYPE_NAME_H_

#include <string>
#include <typeinfo>

namespace joblib::internal {

// "joblib::LokyBackend", "std::vector<std::string>": without what only the
// standard library's own versions and default arguments add.
std::string TypeName(const std::type_info& type);
// The same without namespaces or enclosing classes: "LokyBackend".
std::string ClassName(const std::type_info& type);
// Of the object's own class, not that of the reference.
template <class T>
std::string ClassNameOf(const T& object) {
  return ClassName(typeid(object));
}

// The type of the exception that is being handled; null where the runtime does
// not tell (wasm).
const std::type_info* CurrentExceptionType();

}  // namespace joblib::internal

#endif  // JOBLIB_CORE_TYPE_NAME_H_
