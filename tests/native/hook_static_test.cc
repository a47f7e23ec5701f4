// A program without any shared library, linked with -Wl,--wrap=main.

#include <cstdlib>

#include "gtest/gtest.h"

namespace joblib::native {
namespace {

TEST(HookStaticTest, AStaticProgramIsItsOwnWorker) {
  EXPECT_EQ(std::system("./tests/native/hook_program_static run"), 0);
}

TEST(HookStaticTest, WithoutTheFlagItStartsNoWorkersAndSaysWhich) {
  EXPECT_EQ(std::system("./tests/native/hook_program_static_plain is_worker |"
                        " grep -q -e --wrap=main"),
            0);
}

}  // namespace
}  // namespace joblib::native
