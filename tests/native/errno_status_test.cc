#include "native/errno_status.h"

#include <cerrno>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace joblib::native {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

TEST(ErrnoStatusTest, KeepsTheContextAndNamesTheError) {
  const absl::Status status = ErrnoStatus(ENOENT, "open /tmp/x");
  EXPECT_TRUE(absl::IsNotFound(status));
  EXPECT_THAT(std::string(status.message()), StartsWith("open /tmp/x: "));
  EXPECT_THAT(std::string(status.message()), HasSubstr("No such file"));
}

TEST(ErrnoStatusTest, NothingLeftIsResourceExhausted) {
  for (const int error : {EAGAIN, ENOMEM, EMFILE, ENOSPC}) {
    EXPECT_TRUE(absl::IsResourceExhausted(ErrnoStatus(error, "start a thread")))
        << error;
  }
  EXPECT_THAT(std::string(ErrnoStatus(EMFILE, "open /tmp/x").message()),
              EndsWith("(ulimit -n)"));
  EXPECT_THAT(std::string(ErrnoStatus(EAGAIN, "start a thread").message()),
              StartsWith("start a thread: "));
}

}  // namespace
}  // namespace joblib::native
