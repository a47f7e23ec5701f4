#include "native/environment.h"

#include <unistd.h>

#include <cstdlib>

namespace joblib::native {

std::optional<std::string> GetEnv(const char* name) {
  const char* const value = std::getenv(name);
  if (value == nullptr) return std::nullopt;
  return value;
}

std::vector<std::string> Environment() {
  std::vector<std::string> variables;
  // clearenv() leaves a null pointer.
  for (char** variable = environ; variable != nullptr && *variable != nullptr;
       ++variable) {
    variables.emplace_back(*variable);
  }
  return variables;
}

}  // namespace joblib::native
