#include "joblib/core/n_jobs.h"

#include <limits>
#include <stdexcept>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace joblib::internal {
namespace {

using testing::HasSubstr;
using testing::ThrowsMessage;

constexpr double kMaxInt = std::numeric_limits<int>::max();

int OnEightCpus(const NJobs& n_jobs) {
  return ResolveNJobs(n_jobs, [] { return 8; });
}

// Where counting the CPUs would be a waste, or is impossible.
int WithoutAsking(const NJobs& n_jobs) {
  return ResolveNJobs(n_jobs, [] {
    ADD_FAILURE() << "asked for the number of CPUs";
    return 8;
  });
}

TEST(TruncatedNJobsTest, FractionsAreRoundedTowardZero) {
  EXPECT_EQ(TruncatedNJobs(2.7), 2);
  EXPECT_EQ(TruncatedNJobs(-1.9), -1);
  EXPECT_EQ(TruncatedNJobs(0.5), 0);
  EXPECT_EQ(TruncatedNJobs(kMaxInt), std::numeric_limits<int>::max());
}

TEST(TruncatedNJobsTest, WhatNoIntHoldsIsRefusedWithTheValue) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  for (const double n : {1e300, -1e300, kMaxInt + 1, kInfinity,
                         std::numeric_limits<double>::quiet_NaN()}) {
    EXPECT_THROW(TruncatedNJobs(n), std::invalid_argument) << n;
  }
  EXPECT_THAT([] { TruncatedNJobs(1e300); },
              ThrowsMessage<std::invalid_argument>(HasSubstr("1e+300")));
}

TEST(ResolveNJobsTest, NoneAndUnsetAreOneJob) {
  EXPECT_EQ(WithoutAsking(none), 1);
  EXPECT_EQ(WithoutAsking({}), 1);
}

TEST(ResolveNJobsTest, APositiveNumberIsTakenAtItsWord) {
  EXPECT_EQ(WithoutAsking(1), 1);
  EXPECT_EQ(WithoutAsking(100), 100);
  EXPECT_EQ(WithoutAsking(2.7), 2);
}

TEST(ResolveNJobsTest, NegativeCountsBackFromTheCpuCount) {
  EXPECT_EQ(OnEightCpus(-1), 8);
  EXPECT_EQ(OnEightCpus(-2), 7);
  EXPECT_EQ(OnEightCpus(-8), 1);
}

TEST(ResolveNJobsTest, CountingBackEndsAtOneJob) {
  EXPECT_EQ(OnEightCpus(-9), 1);
  EXPECT_EQ(OnEightCpus(-kMaxInt), 1);
}

TEST(ResolveNJobsTest, ZeroIsRefusedInJoblibsWords) {
  for (const double zero : {0.0, 0.9, -0.9}) {
    EXPECT_THAT([zero] { WithoutAsking(zero); },
                ThrowsMessage<std::invalid_argument>(
                    HasSubstr("n_jobs == 0 in Parallel has no meaning")));
  }
}

}  // namespace
}  // namespace joblib::internal
