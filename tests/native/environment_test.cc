#include "native/environment.h"

#include <cstdlib>
#include <optional>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace joblib::native {
namespace {

using ::testing::Contains;
using ::testing::Not;
using ::testing::StartsWith;

TEST(GetEnvTest, TellsEmptyFromUnset) {
  unsetenv("JOBLIB_NATIVE_TEST");
  EXPECT_EQ(GetEnv("JOBLIB_NATIVE_TEST"), std::nullopt);
  setenv("JOBLIB_NATIVE_TEST", "", 1);
  EXPECT_EQ(GetEnv("JOBLIB_NATIVE_TEST"), "");
  setenv("JOBLIB_NATIVE_TEST", "a=b", 1);
  EXPECT_EQ(GetEnv("JOBLIB_NATIVE_TEST"), "a=b");
}

TEST(EnvironmentTest, ListsAllVariables) {
  setenv("JOBLIB_NATIVE_TEST", "a=b", 1);
  EXPECT_THAT(Environment(), Contains("JOBLIB_NATIVE_TEST=a=b"));
  unsetenv("JOBLIB_NATIVE_TEST");
  EXPECT_THAT(Environment(), Not(Contains(StartsWith("JOBLIB_NATIVE_TEST="))));
}

}  // namespace
}  // namespace joblib::native
