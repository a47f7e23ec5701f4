// The environment variables of this process.
//
// Thread-safety: as getenv(3): safe unless another thread changes the
// environment (setenv, putenv) at that moment.
#ifndef JOBLIB_NATIVE_ENVIRONMENT_H_
#define JOBLIB_NATIVE_ENVIRONMENT_H_

#include <optional>
#include <string>
#include <vector>

namespace joblib::native {

// nullopt: not set. An empty value is a value.
std::optional<std::string> GetEnv(const char* name);

// All variables, each as "NAME=value", in the order they are kept in.
std::vector<std::string> Environment();

}  // namespace joblib::native

#endif  // JOBLIB_NATIVE_ENVIRONMENT_H_
