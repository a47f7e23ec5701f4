// Results one by one: laziness, back-pressure, generators that are dropped or
// outlive what made them.
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "tests/contract/contract.h"
#include "tests/contract/ended_early.h"
#include "tests/contract/visits.h"
#include "tests/testing/shared_counters.h"
#include "tests/testing/warning_collector.h"

namespace joblib::testing {

GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(GeneratorContractTest);

namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr std::int64_t kEndless = std::int64_t{1} << 60;

TEST_P(GeneratorContractTest, GeneratorsGiveTheResultsInOrder) {
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

TEST_P(GeneratorContractTest, UnorderedGeneratorsGiveEachResultOnce) {
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

TEST_P(GeneratorContractTest, GeneratorsWithABatchSize) {
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

TEST_P(GeneratorContractTest, UnorderedGeneratorsGiveWhatEndsFirst) {
  if (!is_concurrent()) GTEST_SKIP() << "tasks end in their order";
  const auto release = SharedGate::Shut();
  std::vector<int> order;
  for (const int result :
       Parallel{With()}.generator_unordered(each(range(2), [&](int i) {
         return delayed([](const SharedGate& release, int n) {
           if (n == 0) release.Wait();
           return n;
         })(release, i);
       }))) {
    order.push_back(result);
    release.Open();
  }
  EXPECT_THAT(order, ElementsAre(1, 0));
}

TEST_P(GeneratorContractTest, GeneratorsOfEmptyInputsAreAtTheirEnd) {
  const auto none = [] {
    return each(range(0),
                [](int i) { return delayed([](int n) { return n; })(i); });
  };
  Parallel parallel(With());
  for (int unexpected : parallel.generator(none())) ADD_FAILURE() << unexpected;
  for (int unexpected : parallel.generator_unordered(none())) {
    ADD_FAILURE() << unexpected;
  }
}

TEST_P(GeneratorContractTest, VoidGeneratorsCountTheTasks) {
  int n = 0;
  auto results = Parallel{With()}.generator(
      each(range(20), [](int) { return delayed([] {})(); }));
  for (auto it = results.begin(); it != results.end(); ++it) ++n;
  EXPECT_EQ(n, 20);
}

TEST_P(GeneratorContractTest, GeneratorsOfMoveOnlyResults) {
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

// DESIGN.md 8.6. In `window`: how many tasks have started and were not taken,
// and the most that ever were.
std::int64_t Start(const SharedCounters& window, std::int64_t n) {
  window.Raise(1, window.Add(0, 1));
  return n;
}

TEST_P(GeneratorContractTest,
       GeneratorsOfEndlessInputsStartNoMoreThanTheWindow) {
  const WarningCollector warnings;
  for (const int limit : {1, 2, 5, 64}) {
    for (const bool ordered : {true, false}) {
      Parallel parallel(With({.pre_dispatch = limit}));
      const auto window = SharedCounters::Zeros(2);
      auto tasks = each(range(kEndless), [&](std::int64_t i) {
        return delayed(Start)(window, i);
      });
      auto results = ordered ? parallel.generator(tasks)
                             : parallel.generator_unordered(tasks);
      auto it = results.begin();
      for (int i = 0; i < 1000; ++i) {
        window.Add(0, -1);
        ++it;
      }
      // The result in hand counts as taken when the next one is asked for.
      EXPECT_LE(window.Get(1), limit + 1) << limit << ordered;
    }
  }
}

TEST_P(GeneratorContractTest, AGeneratorMayOutliveItsParallel) {
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

TEST_P(GeneratorContractTest, AGeneratorMayOutliveItsSession) {
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

TEST_P(GeneratorContractTest, ADroppedGeneratorLeavesNothingRunning) {
  for (int taken = 0; taken < 6; ++taken) {
    const WarningCollector warnings;
    const auto visits = Visits::None();
    {
      auto results = Parallel{With()}.generator(
          each(range(kEndless), [&visits](std::int64_t i) {
            return delayed([](const Visits& visits, std::int64_t n) {
              visits.Pass();
              return n;
            })(visits, i);
          }));
      if (taken > 0) {
        auto it = results.begin();
        for (int i = 1; i < taken; ++i) ++it;
      }
    }
    ExpectNoneRuns(visits, processes());
    if (!is_plain_loop()) {
      EXPECT_THAT(warnings.messages(),
                  ElementsAre(HasSubstr("You could benefit from adjusting the "
                                        "input task iterator")));
    } else {
      EXPECT_THAT(warnings.messages(), IsEmpty());
    }
  }
}

TEST_P(GeneratorContractTest, TwoGeneratorsOfTwoParallelsSideBySide) {
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

TEST_P(GeneratorContractTest, CallsInsideTheLoopOverAGenerator) {
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

TEST_P(GeneratorContractTest, AScopeOpenedBetweenTwoResultsStaysOpen) {
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

}  // namespace
}  // namespace joblib::testing
