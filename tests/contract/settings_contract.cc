// What tasks see around them, nesting, sessions and verbosity.
#include <atomic>
#include <stdexcept>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "native/capture_for_test.h"
#include "tests/contract/contract.h"
#include "tests/testing/left_open.h"

namespace joblib::testing {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Ne;
using ::testing::SizeIs;
using ::testing::StartsWith;

int ActiveNJobs() {
  const NJobs n_jobs = get_active_backend().n_jobs;
  return n_jobs.has_value() ? static_cast<int>(n_jobs.value().value) : -99;
}

TEST_P(BackendContractTest, InputIsEvaluatedUnderTheCallersConfiguration) {
  const Parallel outside(With());
  parallel_config scope({.backend = "threading", .n_jobs = 7});
  Parallel parallel(With());
  std::atomic<int> wrong{0};
  parallel(each(range(200), [&](int) {
    if (ActiveNJobs() != 7) ++wrong;
    return delayed([] {})();
  }));
  EXPECT_EQ(wrong, 0);
  EXPECT_EQ(ActiveNJobs(), 7);
}

TEST_P(BackendContractTest, AScopeThatATaskLeavesOpenEndsWithIt) {
  const std::vector<int> n_jobs = Parallel{With()}(each(range(100), [](int) {
    return delayed([] {
      const int before = ActiveNJobs();
      LeaveScopeOpen({.backend = "sequential", .n_jobs = 5});
      return before;
    })();
  }));
  EXPECT_THAT(n_jobs, Each(Ne(5)));
  EXPECT_NE(ActiveNJobs(), 5);
}

TEST_P(BackendContractTest, AScopeThatAFailingTaskLeavesOpenEndsWithIt) {
  EXPECT_THROW(Parallel{With()}(each(
                   range(3),
                   [&](int) {
                     return delayed([] {
                       LeaveScopeOpen({.backend = "sequential", .n_jobs = 5});
                       throw std::domain_error("left");
                     })();
                   })),
               std::domain_error);
  EXPECT_NE(ActiveNJobs(), 5);
}

TEST_P(BackendContractTest, NestedCallsGiveTheSameResults) {
  const auto sums = Parallel{With()}(each(range(20), [](int i) {
    return delayed([](int n) {
      int sum = 0;
      for (const int part : Parallel({.n_jobs = 2, .prefer = "threads"})(
               each(range(10), [n](int j) {
                 return delayed([](int a, int b) { return a * b; })(n, j);
               }))) {
        sum += part;
      }
      return sum;
    })(i);
  }));
  ASSERT_THAT(sums, SizeIs(20));
  for (int i = 0; i < 20; ++i) EXPECT_EQ(sums[i], 45 * i);
}

int CountDown(int depth) {
  if (depth == 0) return 1;
  int sum = 0;
  for (const int part : Parallel({.n_jobs = 2, .backend = "threading"})(each(
           range(2), [depth](int) { return delayed(CountDown)(depth - 1); }))) {
    sum += part;
  }
  return sum;
}

TEST_P(BackendContractTest, NestedFourLevelsDeep) {
  EXPECT_THAT(Parallel{With()}(
                  each(range(4), [](int) { return delayed(CountDown)(3); })),
              ElementsAre(8, 8, 8, 8));
}

TEST_P(BackendContractTest, AnErrorOfANestedCallIsItsTasksError) {
  EXPECT_THROW(
      Parallel{With()}(each(range(4),
                            [](int i) {
                              return delayed([](int n) {
                                Parallel({.n_jobs = 2, .prefer = "threads"})(
                                    each(range(4), [n](int) {
                                      return delayed([](int outer) {
                                        if (outer == 2) {
                                          throw std::range_error("inner");
                                        }
                                      })(n);
                                    }));
                              })(i);
                            })),
      std::range_error);
}

TEST_P(BackendContractTest, SessionsServeSeveralCalls) {
  Parallel parallel(With());
  for (int round = 0; round < 2; ++round) {
    auto session = parallel.session();
    for (int i = 0; i < 3; ++i) {
      EXPECT_THAT(parallel.map([](int n) { return n + 1; }, range(3)),
                  ElementsAre(1, 2, 3));
    }
    EXPECT_THROW(
        parallel.map([](int) { throw std::domain_error("map"); }, range(3)),
        std::domain_error);
    EXPECT_THAT(parallel.map([](int n) { return n; }, range(2)),
                ElementsAre(0, 1));
  }
  EXPECT_THAT(parallel.map([](int n) { return n; }, range(2)),
              ElementsAre(0, 1));
}

TEST_P(BackendContractTest, ASecondSessionOfOneParallelIsRefused) {
  Parallel parallel(With());
  auto session = parallel.session();
  EXPECT_THROW((void)parallel.session(), std::logic_error);
}

TEST_P(BackendContractTest, VerboseWritesLinesWithTheRequestedNJobs) {
  native::OutputCapture quiet;
  Parallel(With({.verbose = 10})).map([](int n) { return n; }, range(12));
  const native::CapturedOutput on_stderr = quiet.End();
  EXPECT_THAT(on_stderr.err,
              StartsWith("[Parallel(n_jobs=" +
                         std::to_string(GetParam().n_jobs) + ")]: "));
  EXPECT_THAT(on_stderr.err, HasSubstr("Done 12 out of 12"));
  EXPECT_THAT(on_stderr.err, HasSubstr("finished"));
  EXPECT_EQ(on_stderr.out, "");
  native::OutputCapture loud;
  Parallel(With({.verbose = 50})).map([](int n) { return n; }, range(12));
  const native::CapturedOutput on_stdout = loud.End();
  EXPECT_THAT(on_stdout.out, HasSubstr("finished"));
  EXPECT_EQ(on_stdout.err, "");
}

TEST_P(BackendContractTest, CallsFollowEachOtherByTheHundred) {
  Parallel kept(With());
  for (int i = 0; i < 100; ++i) {
    ASSERT_THAT(kept.map([](int n) { return n; }, range(4)),
                ElementsAre(0, 1, 2, 3));
    ASSERT_THAT(Parallel{With()}.map([](int n) { return n; }, range(4)),
                ElementsAre(0, 1, 2, 3));
  }
}

}  // namespace
}  // namespace joblib::testing
