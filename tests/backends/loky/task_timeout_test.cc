// What ends running tasks: task_timeout, timeout, a stop, a dropped generator.
// Their workers are gone, and nothing else is disturbed.
#include <chrono>
#include <cstdint>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "joblib/joblib.h"
#include "native/thread.h"
#include "tests/backends/process/backend_under_test.h"
#include "tests/backends/process/children.h"
#include "tests/testing/eventually.h"
#include "tests/testing/shared_counters.h"

namespace joblib::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

using Clock = std::chrono::steady_clock;

[[noreturn]] void SleepForEver() {
  for (;;) std::this_thread::sleep_for(std::chrono::hours(1));
}

int Twice(int n) { return 2 * n; }
void ExpectUsable() {
  EXPECT_THAT(Parallel({.n_jobs = 2}).map(Twice, range(4)),
              ElementsAre(0, 2, 4, 6));
}

// ---- task_timeout ----

constexpr int kTasks = 100;
bool IsLate(int n) { return n == 13 || n == 14 || n == 77; }

int SleepIfLate(const SharedCounters& starts, int n) {
  starts.Add(n, 1);
  if (IsLate(n)) SleepForEver();
  return n;
}

void ExpectThreeLate(const ParallelOptions& options, int n_starts) {
  const auto starts = SharedCounters::Zeros(kTasks);
  const auto outcomes = Parallel(options).collect(each(
      range(kTasks), [&](int i) { return delayed(SleepIfLate)(starts, i); }));
  ASSERT_THAT(outcomes, SizeIs(kTasks));
  for (int i = 0; i < kTasks; ++i) {
    EXPECT_EQ(starts.Get(i), IsLate(i) ? n_starts : 1) << i;
    ASSERT_EQ(outcomes[i].has_value(), !IsLate(i)) << i;
    if (IsLate(i)) {
      EXPECT_THROW(outcomes[i].value(), TimeoutError);
      EXPECT_THAT(outcomes[i].message(),
                  HasSubstr("task " + std::to_string(i)));
    } else {
      EXPECT_EQ(outcomes[i].value(), i);
    }
  }
  ExpectUsable();
  EXPECT_TRUE(Eventually([] { return Children().size() == KeptWorkers(2); }));
}

TEST(TaskTimeoutTest, CostsTheLateTasksAlone) {
  for (const int batch_size : {1, 10, 100}) {
    SCOPED_TRACE(batch_size);
    ExpectThreeLate({.n_jobs = 2, .batch_size = batch_size, .task_timeout = 1},
                    1);
  }
  ExpectThreeLate({.n_jobs = 2, .task_timeout = 0.3}, 1);
}

// By its own watch: a task that is told of its limit has reached it.
int EndWhenTold(int n) {
  while (n % 2 == 1 && !stop_requested()) {
  }
  return n;
}
TEST(TaskTimeoutTest, ATaskThatEndsAtItsLimitIsLate) {
  const auto outcomes = Parallel({.n_jobs = 2, .task_timeout = 0.05})
                            .collect(each(range(20), [](int i) {
                              return delayed(EndWhenTold)(i);
                            }));
  ASSERT_THAT(outcomes, SizeIs(20));
  for (int i = 0; i < 20; ++i) {
    ASSERT_EQ(outcomes[i].has_value(), i % 2 == 0) << i;
    if (i % 2 == 1) {
      EXPECT_THROW(outcomes[i].value(), TimeoutError);
    }
  }
}

TEST(TaskTimeoutTest, RetriesWhatWasLate) {
  ExpectThreeLate({.n_jobs = 2, .max_retries = 1, .task_timeout = 0.3}, 2);
}

TEST(TaskTimeoutTest, WithoutCollectIsTheCallsError) {
  EXPECT_THROW(Parallel({.n_jobs = 2, .task_timeout = 0.2})
                   .map(
                       [](int n) {
                         if (n == 3) SleepForEver();
                         return n;
                       },
                       range(10)),
               TimeoutError);
  ExpectUsable();
}

// A batch takes longer than its task may, and its tail waits as long.
TEST(TaskTimeoutTest, WaitingDoesNotCount) {
  shutdown();  // Nor does a worker's start.
  const auto outcomes =
      Parallel({.n_jobs = 2, .batch_size = 10, .task_timeout = 1})
          .collect(each(range(20), [](int i) {
            return delayed([](int n) {
              std::this_thread::sleep_for(std::chrono::milliseconds(150));
              return n;
            })(i);
          }));
  for (const auto& outcome : outcomes) EXPECT_TRUE(outcome.has_value());
}

// ---- Calls that end early ----

// Tells its process, and stays.
int TellAndStay(const SharedCounters& pids, int n) {
  pids.Set(n, native::ProcessId());
  SleepForEver();
}
auto StayingTasks(const SharedCounters& pids) {
  return each(range(2),
              [&pids](int i) { return delayed(TellAndStay)(pids, i); });
}
void ExpectGone(const SharedCounters& pids) {
  for (int i = 0; i < 2; ++i) {
    ASSERT_NE(pids.Get(i), 0);
    EXPECT_TRUE(AllGone({pids.Get(i)}));
  }
  ExpectUsable();
}
bool BothStay(const SharedCounters& pids) {
  return pids.AwaitAtLeast(0, 1) && pids.AwaitAtLeast(1, 1);
}

TEST(EndedEarlyTest, TimeoutEndsTheRunningWorkers) {
  for (int round = 0; round < 3; ++round) {
    const auto pids = SharedCounters::Zeros(2);
    Parallel parallel({.n_jobs = 2, .timeout = 0.5, .batch_size = 1});
    EXPECT_THROW(parallel(StayingTasks(pids)), TimeoutError);
    ExpectGone(pids);
  }
}

TEST(EndedEarlyTest, TimeoutFillsTheOutcomes) {
  const auto pids = SharedCounters::Zeros(2);
  const auto outcomes = Parallel({.n_jobs = 2, .timeout = 0.5, .batch_size = 1})
                            .collect(StayingTasks(pids));
  ASSERT_THAT(outcomes, SizeIs(2));
  EXPECT_THROW(outcomes[0].value(), TimeoutError);
  EXPECT_THROW(outcomes[1].value(), TimeoutError);
  ExpectGone(pids);
}

TEST(EndedEarlyTest, AStopEndsTheRunningWorkers) {
  const auto pids = SharedCounters::Zeros(2);
  StopSource stop;
  std::thread stopper([&] {
    EXPECT_TRUE(BothStay(pids));
    stop.request_stop();
  });
  EXPECT_THROW(
      Parallel({.n_jobs = 2, .batch_size = 1, .stop_token = stop.token()})(
          StayingTasks(pids)),
      CancelledError);
  stopper.join();
  ExpectGone(pids);
}

TEST(EndedEarlyTest, ADroppedGeneratorEndsTheRunningWorkers) {
  const auto pids = SharedCounters::Zeros(2);
  {
    auto results =
        Parallel({.n_jobs = 2, .batch_size = 1}).generator(StayingTasks(pids));
    EXPECT_TRUE(BothStay(pids));
  }
  ExpectGone(pids);
}

// "Whole again in milliseconds": generous, as machines are slow.
TEST(EndedEarlyTest, TheNextCallFindsAWholePool) {
  for (int round = 0; round < 10; ++round) {
    const auto pids = SharedCounters::Zeros(2);
    {
      auto results = Parallel({.n_jobs = 2, .batch_size = 1})
                         .generator(StayingTasks(pids));
      ASSERT_TRUE(BothStay(pids));
    }
    const auto start = Clock::now();
    ExpectUsable();
    EXPECT_LT(Clock::now() - start, std::chrono::seconds(2));
  }
  EXPECT_TRUE(Eventually([] { return Children().size() == KeptWorkers(2); }));
}

}  // namespace
}  // namespace joblib::testing
