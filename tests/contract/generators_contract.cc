// Results one by one: laziness, back-pressure, generators that are dropped or
// outlive what made them.
#include <algorithm>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "tests/contract/contract.h"
#include "tests/testing/gates.h"
#include "tests/testing/warning_collector.h"

namespace joblib::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr std::int64_t kEndless = std::int64_t{1} << 60;

TEST_P(BackendContractTest, GeneratorsGiveTheResultsInOrder) {
  for (const char* pre_dispatch : {"2 * n_jobs", "1", "64", "all"}) {
    Parallel parallel(With({.pre_dispatch = pre_dispatch}));
    int next = 0;
    for (const int result : parallel.generator(each(range(500), [](int i) {
           return delayed([](int n) { return n; })(i);
         }))) {
      ASSERT_EQ(result, next++) << pre_dispatch;
    }
    EXPECT_EQ(next, 500);
  }
}

TEST_P(BackendContractTest, UnorderedGeneratorsGiveEachResultOnce) {
  for (const char* pre_dispatch : {"2 * n_jobs", "1", "64", "all"}) {
    Parallel parallel(With({.pre_dispatch = pre_dispatch}));
    std::set<int> seen;
    for (const int result :
         parallel.generator_unordered(each(range(500), [](int i) {
           return delayed([](int n) { return n; })(i);
         }))) {
      ASSERT_TRUE(seen.insert(result).second) << result;
    }
    EXPECT_EQ(seen.size(), 500) << pre_dispatch;
  }
}

TEST_P(BackendContractTest, GeneratorsWithABatchSize) {
  for (const int batch_size : {1, 3, 1000}) {
    Parallel parallel(With({.batch_size = batch_size}));
    int next = 0;
    for (const int result : parallel.generator(each(range(100), [](int i) {
           return delayed([](int n) { return n; })(i);
         }))) {
      ASSERT_EQ(result, next++);
    }
    EXPECT_EQ(next, 100);
    std::set<int> seen;
    for (const int result :
         parallel.generator_unordered(each(range(100), [](int i) {
           return delayed([](int n) { return n; })(i);
         }))) {
      seen.insert(result);
    }
    EXPECT_EQ(seen.size(), 100);
  }
}

TEST_P(BackendContractTest, UnorderedGeneratorsGiveWhatEndsFirst) {
  if (!is_concurrent()) GTEST_SKIP() << "tasks end in their order";
  Gate release;
  std::vector<int> order;
  for (const int result :
       Parallel{With()}.generator_unordered(each(range(2), [&](int i) {
         return delayed([&release](int n) {
           if (n == 0) release.Wait();
           return n;
         })(i);
       }))) {
    order.push_back(result);
    release.Open();
  }
  EXPECT_THAT(order, ElementsAre(1, 0));
}

TEST_P(BackendContractTest, VoidGeneratorsCountTheTasks) {
  int n = 0;
  auto results = Parallel{With()}.generator(
      each(range(20), [](int) { return delayed([] {})(); }));
  for (auto it = results.begin(); it != results.end(); ++it) ++n;
  EXPECT_EQ(n, 20);
}

TEST_P(BackendContractTest, GeneratorsOfMoveOnlyResults) {
  std::vector<std::unique_ptr<int>> kept;
  for (std::unique_ptr<int>& result :
       Parallel{With()}.generator(each(range(20), [](int i) {
         return delayed([](int n) { return std::make_unique<int>(n); })(i);
       }))) {
    kept.push_back(std::move(result));
  }
  ASSERT_THAT(kept, SizeIs(20));
  for (int i = 0; i < 20; ++i) EXPECT_EQ(*kept[i], i);
}

// DESIGN.md 8.6.
TEST_P(BackendContractTest, GeneratorsOfEndlessInputsStartNoMoreThanTheWindow) {
  const WarningCollector warnings;
  for (const int window : {1, 2, 5, 64}) {
    for (const bool ordered : {true, false}) {
      Parallel parallel(With({.pre_dispatch = window}));
      // One lock for both counts: the difference is exact.
      std::mutex mutex;
      std::int64_t started = 0, taken = 0, most = 0;
      auto tasks = each(range(kEndless), [&](std::int64_t i) {
        return delayed([&](std::int64_t n) {
          const std::lock_guard<std::mutex> lock(mutex);
          most = std::max(most, ++started - taken);
          return n;
        })(i);
      });
      auto results = ordered ? parallel.generator(tasks)
                             : parallel.generator_unordered(tasks);
      auto it = results.begin();
      for (int i = 0; i < 1000; ++i) {
        {
          const std::lock_guard<std::mutex> lock(mutex);
          ++taken;
        }
        ++it;
      }
      const std::lock_guard<std::mutex> lock(mutex);
      // The result in hand counts as taken when the next one is asked for.
      EXPECT_LE(most, window + 1) << window << ordered;
    }
  }
}

TEST_P(BackendContractTest, AGeneratorMayOutliveItsParallel) {
  std::optional<Generator<int>> results;
  {
    Parallel parallel(With());
    results = parallel.generator(each(
        range(50), [](int i) { return delayed([](int n) { return n; })(i); }));
  }
  int next = 0;
  for (const int result : *results) EXPECT_EQ(result, next++);
  EXPECT_EQ(next, 50);
}

TEST_P(BackendContractTest, AGeneratorMayOutliveItsSession) {
  std::optional<Generator<int>> results;
  {
    Parallel parallel(With());
    auto session = parallel.session();
    results = parallel.generator(each(
        range(50), [](int i) { return delayed([](int n) { return n; })(i); }));
  }
  int next = 0;
  for (const int result : *results) EXPECT_EQ(result, next++);
  EXPECT_EQ(next, 50);
}

TEST_P(BackendContractTest, ADroppedGeneratorLeavesNothingRunning) {
  for (int taken = 0; taken < 6; ++taken) {
    const WarningCollector warnings;
    std::atomic<int> running{0};
    {
      auto results = Parallel{With()}.generator(
          each(range(kEndless), [&running](std::int64_t i) {
            return delayed([&running](std::int64_t n) {
              ++running;
              absl::SleepFor(absl::ZeroDuration());
              --running;
              return n;
            })(i);
          }));
      if (taken > 0) {
        auto it = results.begin();
        for (int i = 1; i < taken; ++i) ++it;
      }
    }
    EXPECT_EQ(running, 0);
    if (!is_plain_loop()) {
      EXPECT_THAT(warnings.messages(),
                  ElementsAre(HasSubstr("You could benefit from adjusting the "
                                        "input task iterator")));
    } else {
      EXPECT_THAT(warnings.messages(), IsEmpty());
    }
  }
}

TEST_P(BackendContractTest, ADroppedGeneratorsTasksSeeTheStop) {
  if (!is_concurrent()) GTEST_SKIP() << "no task runs meanwhile";
  const WarningCollector warnings;
  Gate blocked, woken;
  {
    auto results = Parallel{With()}.generator(each(range(2), [&](int i) {
      return delayed([&](int n) {
        if (n == 0) return;
        Gate stop;
        const auto handle =
            current_stop_token().on_stop([&stop] { stop.Open(); });
        blocked.Open();
        if (stop.Wait() && stop_requested()) woken.Open();
      })(i);
    }));
    results.begin();
    EXPECT_TRUE(blocked.Wait());
  }
  EXPECT_TRUE(woken.is_open());
}

TEST_P(BackendContractTest, TwoGeneratorsOfTwoParallelsSideBySide) {
  Parallel one(With()), two(With());
  const auto tasks = [](int factor) {
    return each(range(100), [factor](int i) {
      return delayed([](int n) { return n; })(i * factor);
    });
  };
  auto first = one.generator(tasks(1));
  auto second = two.generator(tasks(2));
  auto a = first.begin();
  auto b = second.begin();
  int n = 0;
  for (; a != first.end() && b != second.end(); ++a, ++b, ++n) {
    ASSERT_EQ(*a * 2, *b);
  }
  EXPECT_EQ(n, 100);
}

TEST_P(BackendContractTest, CallsInsideTheLoopOverAGenerator) {
  int next = 0;
  for (const int result : Parallel{With()}.generator(each(range(20), [](int i) {
         return delayed([](int n) { return n; })(i);
       }))) {
    EXPECT_EQ(result, next++);
    EXPECT_THAT(Parallel{With()}.map([](int n) { return n + 1; }, range(2)),
                ElementsAre(1, 2));
  }
  EXPECT_EQ(next, 20);
}

TEST_P(BackendContractTest, AScopeOpenedBetweenTwoResultsStaysOpen) {
  auto results = Parallel{With()}.generator(each(
      range(20), [](int i) { return delayed([](int n) { return n; })(i); }));
  auto it = results.begin();
  {
    parallel_config scope({.backend = "sequential", .n_jobs = 3});
    for (int i = 0; i < 5; ++i) {
      ++it;
      EXPECT_EQ(get_active_backend().n_jobs.value().value, 3);
    }
  }
  EXPECT_FALSE(get_active_backend().n_jobs.has_value() &&
               get_active_backend().n_jobs.value().value == 3);
  for (; it != results.end(); ++it) {
  }
}

TEST_P(BackendContractTest, AGeneratorBegunInATaskMayBeReadAfterIt) {
  std::optional<Generator<int>> results;
  {
    Parallel outer(With());
    outer(each(range(1), [&](int) {
      return delayed([this, &results] {
        results = Parallel{With()}.generator(each(range(10), [](int i) {
          return delayed([](int n) { return n; })(i);
        }));
        EXPECT_EQ(*results->begin(), 0);
      })();
    }));
  }
  std::vector<int> rest;
  for (const int result : *results) rest.push_back(result);
  EXPECT_THAT(rest, ElementsAre(0, 1, 2, 3, 4, 5, 6, 7, 8, 9));
  EXPECT_FALSE(stop_requested());
  EXPECT_EQ(worker_index(), 0);
}

}  // namespace
}  // namespace joblib::testing
