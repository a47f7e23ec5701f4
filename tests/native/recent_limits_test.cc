#include "native/recent_limits.h"

#include <cstdint>

#include "gtest/gtest.h"

namespace joblib::native {
namespace {

// The two functions of a RecentLimits have no state of their own.
std::int64_t now_ns = 0;
int n_reads = 0;
ProcessorLimits next_limits;

std::int64_t FakeNow() { return now_ns; }
ProcessorLimits FakeRead() {
  ++n_reads;
  return next_limits;
}

class RecentLimitsTest : public testing::Test {
 protected:
  RecentLimitsTest() {
    now_ns = 5;
    n_reads = 0;
    next_limits = {.os_cpu_count = 8, .cgroup_limit = 3};
  }
  RecentLimits recent_{&FakeRead, &FakeNow};
};

TEST_F(RecentLimitsTest, ReadsOnceASecondAndNoMore) {
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(recent_.Get().cgroup_limit, 3);
  EXPECT_EQ(n_reads, 1);
  now_ns += RecentLimits::kMaxAgeNs - 1;
  recent_.Get();
  EXPECT_EQ(n_reads, 1);
  now_ns += 1;
  recent_.Get();
  recent_.Get();
  EXPECT_EQ(n_reads, 2);
}

TEST_F(RecentLimitsTest, SeesAChangeAfterASecond) {
  recent_.Get();
  next_limits = {.os_cpu_count = 4, .cgroup_limit = 0};
  EXPECT_EQ(recent_.Get().os_cpu_count, 8);
  now_ns += RecentLimits::kMaxAgeNs;
  EXPECT_EQ(recent_.Get().os_cpu_count, 4);
  EXPECT_EQ(recent_.Get().cgroup_limit, 0);
}

TEST_F(RecentLimitsTest, KeepsThatNothingIsKnown) {
  next_limits = {};
  EXPECT_EQ(recent_.Get().os_cpu_count, 0);
  EXPECT_EQ(recent_.Get().cgroup_limit, 0);
  EXPECT_EQ(n_reads, 1);
}

}  // namespace
}  // namespace joblib::native
