// Tests of worker processes that both backends have to pass: they leave the
// backend open, and run once more with JOBLIB_TEST_BACKEND=multiprocessing.
// Include it once in such a test.
#ifndef JOBLIB_TESTS_BACKENDS_PROCESS_BACKEND_UNDER_TEST_H_
#define JOBLIB_TESTS_BACKENDS_PROCESS_BACKEND_UNDER_TEST_H_

#include <cstddef>
#include <cstdlib>
#include <optional>
#include <string>

#include "gtest/gtest.h"
#include "joblib/joblib.h"

namespace joblib::testing {

inline std::string BackendUnderTest() {
  const char* const name = std::getenv("JOBLIB_TEST_BACKEND");
  return name == nullptr ? "loky" : name;
}
// How many of `n` workers live on after a call.
inline std::size_t KeptWorkers(std::size_t n) {
  return BackendUnderTest() == "loky" ? n : 0;
}

// Of the main thread, for all tests.
class UseBackendUnderTest final : public ::testing::Environment {
 public:
  void SetUp() override { config_.emplace(Options()); }
  void TearDown() override { config_.reset(); }

 private:
  static ConfigOptions Options() {
    ConfigOptions options;
    options.backend = BackendUnderTest();
    return options;
  }
  std::optional<parallel_config> config_;
};
inline ::testing::Environment* const backend_under_test =
    ::testing::AddGlobalTestEnvironment(new UseBackendUnderTest);

}  // namespace joblib::testing

#endif  // JOBLIB_TESTS_BACKENDS_PROCESS_BACKEND_UNDER_TEST_H_
