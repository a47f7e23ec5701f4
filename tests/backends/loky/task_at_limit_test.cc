// Tasks that end within 50 us of their limit: each is late or is not, on both
// sides, and none dies in the place of another one.
#include <chrono>
#include <cstdlib>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "joblib/joblib.h"
#include "tests/testing/shared_counters.h"

namespace joblib::testing {
namespace {

using ::testing::SizeIs;
using Clock = std::chrono::steady_clock;

constexpr std::chrono::microseconds kLimit{1000};

int EndNearTheLimit(const SharedCounters& starts, int n) {
  // Its clock runs already; what is left is about as much as it may take.
  const Clock::time_point end =
      Clock::now() + kLimit + std::chrono::microseconds(n % 101 - 50);
  starts.Add(n, 1);
  while (Clock::now() < end) {
  }
  return n;
}

// JOBLIB_LIMIT_TASKS: more than the ordinary ones.
int Tasks() {
  const char* const tasks = std::getenv("JOBLIB_LIMIT_TASKS");
  return tasks != nullptr ? std::atoi(tasks) : 300;
}

void ExpectEachStartsOnce(const char* backend, int batch_size) {
  const int n_tasks = Tasks();
  const auto starts = SharedCounters::Zeros(n_tasks);
  const auto outcomes = Parallel({.n_jobs = 2,
                                  .backend = backend,
                                  .batch_size = batch_size,
                                  .task_timeout = 0.001})
                            .collect(each(range(n_tasks), [&](int i) {
                              return delayed(EndNearTheLimit)(starts, i);
                            }));
  ASSERT_THAT(outcomes, SizeIs(n_tasks));
  int n_late = 0;
  for (int i = 0; i < n_tasks; ++i) {
    // Its clock runs while it is read, too: a new worker may be late by then.
    EXPECT_LE(starts.Get(i), 1) << i;
    if (outcomes[i].has_value()) {
      EXPECT_EQ(starts.Get(i), 1) << i;
      EXPECT_EQ(outcomes[i].value(), i);
    } else {
      EXPECT_THROW(outcomes[i].value(), TimeoutError) << i;
      ++n_late;
    }
  }
  EXPECT_GT(n_late, 0);
  EXPECT_LT(n_late, n_tasks);
}

TEST(TaskAtLimitTest, StartsOnce) {
  ExpectEachStartsOnce("loky", 1);
  ExpectEachStartsOnce("loky", 20);
}
TEST(TaskAtLimitTest, StartsOnceInForkedWorkers) {
  ExpectEachStartsOnce("multiprocessing", 20);
}

}  // namespace
}  // namespace joblib::testing
