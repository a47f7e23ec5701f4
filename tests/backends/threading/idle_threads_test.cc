// Threads that nobody wanted for 10 s end; those in use stay.
#include <chrono>

#include "gtest/gtest.h"
#include "joblib/joblib.h"
#include "tests/backends/threading/pool_calls.h"

namespace joblib {
namespace {

using std::chrono::seconds;
using testing::AllAreIdle;
using testing::EmptyThePool;
using testing::Eventually;
using testing::Meet;
using testing::Pool;
using Clock = std::chrono::steady_clock;

constexpr seconds kIdle{10};
constexpr seconds kSlack{15};  // For a busy machine.

TEST(IdleThreadsTest, EndAfterTenSeconds) {
  EmptyThePool();
  Meet(4);
  ASSERT_TRUE(AllAreIdle());
  ASSERT_EQ(Pool().size(), 3);
  const auto begin = Clock::now();
  ASSERT_TRUE(Eventually([] { return Pool().size() < 3; }, kIdle + kSlack));
  // One that waited all the while may have begun a little before `begin`.
  EXPECT_GE(Clock::now() - begin, kIdle - seconds(1));
  EXPECT_TRUE(Eventually([] { return Pool().size() == 0; }, kSlack));
  EXPECT_EQ(Pool().n_idle(), 0);
  Meet(4);
}

TEST(IdleThreadsTest, StayWhileCallsUseThem) {
  EmptyThePool();
  Meet(4);
  // Calls that need one thread: the other two end, and only they.
  EXPECT_TRUE(Eventually(
      [] {
        Meet(2);
        return AllAreIdle() && Pool().size() == 1;
      },
      kIdle + kSlack));
  const auto begin = Clock::now();
  while (Clock::now() - begin < seconds(3)) {
    Meet(2);
    ASSERT_TRUE(AllAreIdle());
    ASSERT_EQ(Pool().size(), 1);
  }
}

}  // namespace
}  // namespace joblib
