// C++ type names as people write them.
#ifndef JOBLIB_CORE_TYPE_NAME_H_
#define JOBLIB_CORE_TYPE_NAME_H_

#include <string>
#include <typeinfo>

namespace joblib::internal {

// "joblib::LokyBackend".
std::string TypeName(const std::type_info& type);
// The same without namespaces or enclosing classes: "LokyBackend".
std::string ClassName(const std::type_info& type);
// Of the object's own class, not that of the reference.
template <class T>
std::string ClassNameOf(const T& object) {
  return ClassName(typeid(object));
}

}  // namespace joblib::internal

#endif  // JOBLIB_CORE_TYPE_NAME_H_
