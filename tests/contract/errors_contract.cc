// What ends a call early: errors of tasks and of the input, and calls that are
// refused.
#include <chrono>
#include <cstdint>
#include <new>
#include <stdexcept>
#include <string>
#include <thread>

#include "gmock/gmock.h"
#include "tests/contract/contract.h"
#include "tests/contract/ended_early.h"
#include "tests/contract/visits.h"
#include "tests/testing/shared_counters.h"
#include "tests/testing/warning_collector.h"

namespace joblib::testing {
namespace {

using ::testing::StartsWith;
using ::testing::ThrowsMessage;

constexpr std::int64_t kEndless = std::int64_t{1} << 60;

// Thrower: throws when called; a captureless lambda.
template <class Thrower>
int ThrowAt20(int n) {
  if (n == 20) Thrower()();
  return n;
}

TEST_P(BackendContractTest, ATasksErrorArrivesAsItself) {
  Parallel parallel(With());
  const auto run = [&](auto thrower) {
    parallel(each(range(40), [](int i) {
      return delayed(ThrowAt20<decltype(thrower)>)(i);
    }));
  };
  EXPECT_THAT([&] { run([] { throw std::out_of_range("twenty"); }); },
              ThrowsMessage<std::out_of_range>("twenty"));
  EXPECT_THAT([&] { run([] { throw std::bad_alloc(); }); },
              ::testing::Throws<std::bad_alloc>());
  ExpectUsable(parallel);
}

auto EndlessWithAnError() {
  return each(range(kEndless), [](std::int64_t i) {
    return delayed([](std::int64_t n) {
      if (n == 1000) throw std::domain_error("thousand");
      return n;
    })(i);
  });
}

TEST_P(BackendContractTest, AnErrorEndsAnEndlessInput) {
  Parallel parallel(With());
  EXPECT_THROW(parallel(EndlessWithAnError()), std::domain_error);
  ExpectUsable(parallel);
}

TEST_P(GeneratorContractTest, AnErrorEndsTheGeneratorOfAnEndlessInput) {
  Parallel parallel(With());
  EXPECT_THROW(
      {
        for (std::int64_t result : parallel.generator(EndlessWithAnError())) {
          EXPECT_LT(result, 1000);
        }
      },
      std::domain_error);
  EXPECT_THROW(
      {
        for (std::int64_t result :
             parallel.generator_unordered(EndlessWithAnError())) {
          EXPECT_NE(result, 1000);
        }
      },
      std::domain_error);
  ExpectUsable(parallel);
}

TEST_P(GeneratorContractTest, AGeneratorGivesWhatCameBeforeTheErrorOrTheError) {
  Parallel parallel(With());
  int next = 0;
  auto results = parallel.generator(each(range(100), [](int i) {
    return delayed([](int n) {
      if (n == 50) throw std::runtime_error("fifty");
      return n;
    })(i);
  }));
  EXPECT_THAT(
      [&] {
        for (const int result : results) EXPECT_EQ(result, next++);
      },
      ThrowsMessage<std::runtime_error>("fifty"));
  EXPECT_LE(next, 50);
  // It is at its end from then on.
  EXPECT_TRUE(results.begin() == results.end());
  ExpectUsable(parallel);
}

TEST_P(BackendContractTest, NothingStartsAfterTheErrorWasSeen) {
  const auto started_after = SharedCounters::Zeros();
  const auto returned = SharedGate::Shut();
  EXPECT_THROW(
      Parallel{With()}(each(range(kEndless),
                            [&](std::int64_t i) {
                              return delayed([](const SharedGate& returned,
                                                const SharedCounters& after,
                                                std::int64_t n) {
                                if (returned.is_open()) after.Add();
                                if (n == 5) throw std::domain_error("five");
                              })(returned, started_after, i);
                            })),
      std::domain_error);
  returned.Open();
  std::this_thread::sleep_for(std::chrono::seconds(0));
  EXPECT_EQ(started_after.Get(), 0);
}

// 100 tasks, but the input throws in place of one.
auto FailingInput(const Visits& visits, int at) {
  return each(range(100), [&visits, at](int i) {
    if (i == at) throw std::domain_error("input " + std::to_string(i));
    return delayed(Visit)(visits, i);
  });
}

TEST_P(BackendContractTest, AnInputThatThrowsIsTheCallsError) {
  Parallel parallel(With());
  const auto visits = Visits::None();
  for (const int at : {0, 1, 2, 5, 57}) {
    const std::string text = "input " + std::to_string(at);
    EXPECT_THAT([&] { parallel(FailingInput(visits, at)); },
                ThrowsMessage<std::domain_error>(text));
    ExpectNoneRuns(visits, processes());
    EXPECT_THAT([&] { parallel.collect(FailingInput(visits, at)); },
                ThrowsMessage<std::domain_error>(text));
    ExpectNoneRuns(visits, processes());
  }
  ExpectUsable(parallel);
}

TEST_P(GeneratorContractTest, AnInputThatThrowsIsTheGeneratorsError) {
  Parallel parallel(With());
  const auto visits = Visits::None();
  for (const int at : {0, 1, 2, 5, 57}) {
    EXPECT_THAT(
        [&] {
          for (int result : parallel.generator(FailingInput(visits, at))) {
            EXPECT_LT(result, at);
          }
        },
        ThrowsMessage<std::domain_error>("input " + std::to_string(at)));
    ExpectNoneRuns(visits, processes());
  }
  ExpectUsable(parallel);
}

TEST_P(BackendContractTest, ATaskThatThrowsWhileTheInputThrows) {
  Parallel parallel(With());
  for (int round = 0; round < 50; ++round) {
    try {
      parallel(each(range(100), [round](int i) {
        if (i == 20 + round % 7) throw std::domain_error("input");
        return delayed([](int n) {
          if (n >= 18) throw std::range_error("task");
          return n;
        })(i);
      }));
      ADD_FAILURE();
    } catch (const std::domain_error&) {
    } catch (const std::range_error&) {
    }
  }
  ExpectUsable(parallel);
}

TEST_P(BackendContractTest, SeveralTasksThrowAndOneErrorArrives) {
  for (int round = 0; round < 50; ++round) {
    EXPECT_THROW(
        Parallel{With()}(each(range(20),
                              [](int i) {
                                return delayed([](int n) -> int {
                                  throw std::runtime_error(std::to_string(n));
                                })(i);
                              })),
        std::runtime_error);
  }
}

TEST_P(BackendContractTest, CallingARunningParallelIsRefused) {
  Parallel parallel(With());
  EXPECT_THAT(
      [&] {
        parallel(each(range(3), [&](int i) {
          ExpectUsable(parallel);
          return delayed(Same)(i);
        }));
      },
      ThrowsMessage<std::runtime_error>(
          StartsWith("This Parallel instance is already running !")));
  ExpectUsable(parallel);
}

TEST_P(GeneratorContractTest, CallingAParallelWhoseGeneratorLivesIsRefused) {
  const WarningCollector warnings;
  Parallel parallel(With());
  const auto tasks = [] {
    return each(range(30),
                [](int i) { return delayed([](int n) { return n; })(i); });
  };
  {
    auto results = parallel.generator(tasks());
    EXPECT_EQ(*results.begin(), 0);
    EXPECT_THAT([&] { parallel(tasks()); },
                ThrowsMessage<std::runtime_error>(
                    StartsWith("This Parallel instance is already running !")));
    EXPECT_THAT(
        [&] { parallel.generator(tasks()); },
        ThrowsMessage<std::runtime_error>(
            "This Parallel instance is already running ! Before submitting new "
            "tasks, you must wait for the completion of all the previous "
            "tasks, or clean all references to the output generator."));
    EXPECT_THAT([&] { parallel.collect(tasks()); },
                ThrowsMessage<std::runtime_error>(
                    StartsWith("This Parallel instance is already running !")));
  }
  ExpectUsable(parallel);
}

TEST_P(BackendContractTest, AWarningHandlerThatThrowsEndsNoProgram) {
  const WarningHandler former = set_warning_handler([](const Warning& w) {
    throw std::domain_error("handler: " + w.message);
  });
  if (has_generators()) {
    // A destructor warns.
    auto results = Parallel{With()}.generator(each(
        range(30), [](int i) { return delayed([](int n) { return n; })(i); }));
    results.begin();
  }
  if (is_plain_loop()) {
    // A call warns: the handler's exception is the call's error.
    Parallel parallel(With({.timeout = 5}));
    EXPECT_THROW(ExpectUsable(parallel), std::domain_error);
    set_warning_handler([](const Warning&) {});
    ExpectUsable(parallel);
  }
  set_warning_handler(former);
}

}  // namespace
}  // namespace joblib::testing
