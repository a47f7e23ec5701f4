// HAZARDS.md T6 and T7: what threads take over from the caller and what not.
#include <atomic>
#include <cfenv>
#include <mutex>
#include <set>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "joblib/joblib.h"
#include "native/affinity.h"
#include "tests/testing/gates.h"
#include "tests/testing/left_open.h"

namespace joblib {
namespace {

using testing::Meeting;

double Third() {
  volatile double one = 1.0, three = 3.0;
  return one / three;
}

class RoundingTest : public ::testing::Test {
 protected:
  ~RoundingTest() override { std::fesetround(FE_TONEAREST); }
  // Of both workers of a call.
  static std::set<double> ThirdsOfWorkers(bool generator) {
    Meeting both(2);
    std::set<double> thirds;
    Parallel parallel({.n_jobs = 2, .backend = "threading"});
    auto calls = each(range(2), [&](int) {
      return delayed([&both] {
        EXPECT_TRUE(both.Arrive());
        return Third();
      })();
    });
    if (generator) {
      for (const double r : parallel.generator(calls)) thirds.insert(r);
    } else {
      for (const double r : parallel(calls)) thirds.insert(r);
    }
    return thirds;
  }
};

TEST_F(RoundingTest, WorkersRoundAsTheCallerDoes) {
  const double nearest = Third();
  ASSERT_EQ(std::fesetround(FE_UPWARD), 0);
  const double upward = Third();
  ASSERT_NE(upward, nearest);
  for (const bool generator : {true, false}) {
    std::fesetround(FE_UPWARD);
    EXPECT_THAT(ThirdsOfWorkers(generator), ::testing::ElementsAre(upward));
    std::fesetround(FE_TONEAREST);
    EXPECT_THAT(ThirdsOfWorkers(generator), ::testing::ElementsAre(nearest));
  }
}

TEST_F(RoundingTest, NestedCallsToo) {
  const double nearest = Third();
  const auto thirds =
      Parallel({.n_jobs = 2, .backend = "threading"})(each(range(2), [](int) {
        return delayed([] {
          std::fesetround(FE_UPWARD);
          const std::set<double> inner = ThirdsOfWorkers(false);
          std::fesetround(FE_TONEAREST);
          return inner.size() == 1 ? *inner.begin() : -1;
        })();
      }));
  for (const double third : thirds) EXPECT_GT(third, nearest);
}

TEST(ThreadStateTest, AScopeThatATaskLeavesOpenIsNotTheNextCalls) {
  for (int round = 0; round < 20; ++round) {
    Parallel({.n_jobs = 3, .backend = "threading"})(each(range(30), [](int) {
      return delayed([] { testing::LeaveScopeOpen({.n_jobs = 77}); })();
    }));
    std::atomic<int> wrong{0};
    Parallel({.n_jobs = 3, .backend = "threading"})(each(range(30), [&](int) {
      return delayed([&wrong] {
        const NJobs n = get_active_backend().n_jobs;
        if (n.has_value() && n.value().value == 77) ++wrong;
      })();
    }));
    EXPECT_EQ(wrong, 0);
    const NJobs n = get_active_backend().n_jobs;
    EXPECT_FALSE(n.has_value() && n.value().value == 77);
  }
}

TEST(ThreadStateTest, ThreadsThatATaskStartsAreOutsideOfIt) {
  Parallel({.n_jobs = 2, .backend = "threading"})(each(range(2), [](int) {
    return delayed([] {
      std::thread([] {
        EXPECT_FALSE(stop_requested());
        EXPECT_EQ(worker_index(), 0);
        EXPECT_EQ(get_active_backend().backend->nesting_level(), 0);
      }).join();
    })();
  }));
}

TEST(ThreadStateTest, ThreadsDoNotInheritTheMaskOfTheFirstCaller) {
  shutdown();
  const auto all = native::AffinityCount();
  if (!all.has_value() || *all < 2) GTEST_SKIP() << "one CPU";
  std::thread([&] {
    ASSERT_TRUE(native::BindThreadForTest(1));
    Meeting both(2);
    const auto caller = std::this_thread::get_id();
    std::atomic<int> seen{0};
    Parallel({.n_jobs = 2, .backend = "threading"})(each(range(2), [&](int) {
      return delayed([&] {
        EXPECT_TRUE(both.Arrive());
        if (std::this_thread::get_id() != caller) {
          seen = native::AffinityCount().value_or(0);
        }
      })();
    }));
    EXPECT_EQ(seen, *all);
  }).join();
}

}  // namespace
}  // namespace joblib
