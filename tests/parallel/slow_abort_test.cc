// HAZARDS.md T5: a call that still waits 5 s after its abort says so, once.
#include <chrono>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "joblib/joblib.h"
#include "tests/testing/gates.h"
#include "tests/testing/warning_collector.h"

namespace joblib {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(SlowAbortTest, WarnsOnceWithTheTaskAndItsTime) {
  const testing::WarningCollector warnings;
  testing::Gate stubborn_runs, never;
  EXPECT_THROW(Parallel({.n_jobs = 2, .backend = "threading"})(
                   each(range(2),
                        [&](int i) {
                          return delayed([&](int n) {
                            if (n == 0) {
                              stubborn_runs.Wait();
                              throw 42;
                            }
                            stubborn_runs.Open();
                            never.Wait(std::chrono::seconds(12));
                          })(i);
                        })),
               int);
  EXPECT_THAT(warnings.messages(),
              ElementsAre(AllOf(HasSubstr("task 1"), HasSubstr("s"),
                                HasSubstr("stop_requested()"))));
}

TEST(SlowAbortTest, AHandlerThatThrowsDoesNotEndTheWait) {
  const WarningHandler former =
      set_warning_handler([](const Warning&) { throw 1; });
  testing::Gate stubborn_runs, never;
  bool ended = false;
  EXPECT_THROW(Parallel({.n_jobs = 2, .backend = "threading"})(
                   each(range(2),
                        [&](int i) {
                          return delayed([&](int n) {
                            if (n == 0) {
                              stubborn_runs.Wait();
                              throw 42.0;
                            }
                            stubborn_runs.Open();
                            never.Wait(std::chrono::seconds(7));
                            ended = true;
                          })(i);
                        })),
               double);
  EXPECT_TRUE(ended);
  set_warning_handler(former);
}

}  // namespace
}  // namespace joblib
