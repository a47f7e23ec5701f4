// ScopedEnv: an environment variable for as long as it lives.
//
// Thread-safety: none, as setenv: no other thread may read the environment
// meanwhile.
#ifndef JOBLIB_TESTS_TESTING_SCOPED_ENV_H_
#define JOBLIB_TESTS_TESTING_SCOPED_ENV_H_

#include <cstdlib>
#include <optional>
#include <string>
#include <utility>

namespace joblib::testing {

class ScopedEnv {
 public:
  // nullopt: the variable is not set.
  ScopedEnv(std::string name, const std::optional<std::string>& value)
      : name_(std::move(name)) {
    if (const char* former = std::getenv(name_.c_str())) former_ = former;
    Put(value);
  }
  ScopedEnv(const ScopedEnv&) = delete;
  ~ScopedEnv() { Put(former_); }

 private:
  void Put(const std::optional<std::string>& value) {
    if (value.has_value()) {
      setenv(name_.c_str(), value->c_str(), /*overwrite=*/1);
    } else {
      unsetenv(name_.c_str());
    }
  }
  const std::string name_;
  std::optional<std::string> former_;
};

}  // namespace joblib::testing

#endif  // JOBLIB_TESTS_TESTING_SCOPED_ENV_H_
