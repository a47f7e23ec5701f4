// What ends a call early: errors of tasks, of the input and of callbacks, and
// stops.
#include <atomic>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <thread>
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
using ::testing::StartsWith;
using ::testing::ThrowsMessage;

constexpr std::int64_t kEndless = std::int64_t{1} << 60;

// The call works as ever.
void ExpectUsable(Parallel& parallel) {
  EXPECT_THAT(
      parallel(each(range(3),
                    [](int i) { return delayed([](int n) { return n; })(i); })),
      ElementsAre(0, 1, 2));
}

struct OwnError {
  std::string text;
};

TEST_P(BackendContractTest, ATasksErrorArrivesAsItself) {
  Parallel parallel(With());
  const auto run = [&](auto thrower) {
    parallel(each(range(40), [thrower](int i) {
      return delayed([thrower](int n) {
        if (n == 20) thrower();
        return n;
      })(i);
    }));
  };
  EXPECT_THAT([&] { run([] { throw std::out_of_range("twenty"); }); },
              ThrowsMessage<std::out_of_range>("twenty"));
  EXPECT_THROW(run([] { throw 42; }), int);
  try {
    run([] { throw OwnError{"own"}; });
    ADD_FAILURE();
  } catch (const OwnError& error) {
    EXPECT_EQ(error.text, "own");
  }
  ExpectUsable(parallel);
}

TEST_P(BackendContractTest, AnErrorEndsAnEndlessInput) {
  Parallel parallel(With());
  const auto endless = [] {
    return each(range(kEndless), [](std::int64_t i) {
      return delayed([](std::int64_t n) {
        if (n == 1000) throw 42;
        return n;
      })(i);
    });
  };
  EXPECT_THROW(parallel(endless()), int);
  EXPECT_THROW(
      {
        for (std::int64_t result : parallel.generator(endless())) {
          EXPECT_LT(result, 1000);
        }
      },
      int);
  EXPECT_THROW(
      {
        for (std::int64_t result : parallel.generator_unordered(endless())) {
          EXPECT_NE(result, 1000);
        }
      },
      int);
  ExpectUsable(parallel);
}

TEST_P(BackendContractTest, AGeneratorGivesWhatCameBeforeTheErrorOrTheError) {
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
  std::atomic<int> started_after{0};
  std::atomic<bool> returned{false};
  EXPECT_THROW(Parallel{With()}(each(range(kEndless),
                                     [&](std::int64_t i) {
                                       return delayed([&](std::int64_t n) {
                                         if (returned) ++started_after;
                                         if (n == 5) throw 5;
                                       })(i);
                                     })),
               int);
  returned = true;
  absl::SleepFor(absl::ZeroDuration());
  EXPECT_EQ(started_after, 0);
}

TEST_P(BackendContractTest, AnInputThatThrowsIsTheCallsError) {
  Parallel parallel(With());
  for (const int at : {0, 1, 2, 5, 57}) {
    std::atomic<int> running{0};
    const auto input = [&] {
      return each(range(100), [&, at](int i) {
        if (i == at) throw std::domain_error("input " + std::to_string(i));
        return delayed([&running](int n) {
          ++running;
          absl::SleepFor(absl::ZeroDuration());
          --running;
          return n;
        })(i);
      });
    };
    const std::string text = "input " + std::to_string(at);
    EXPECT_THAT([&] { parallel(input()); },
                ThrowsMessage<std::domain_error>(text));
    EXPECT_EQ(running, 0);
    EXPECT_THAT([&] { parallel.collect(input()); },
                ThrowsMessage<std::domain_error>(text));
    EXPECT_EQ(running, 0);
    EXPECT_THAT(
        [&] {
          for (int result : parallel.generator(input())) EXPECT_LT(result, at);
        },
        ThrowsMessage<std::domain_error>(text));
    EXPECT_EQ(running, 0);
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

TEST_P(BackendContractTest, ProgressCountsEachTaskOnTheCallingThread) {
  std::vector<Progress> events;
  const auto caller = std::this_thread::get_id();
  Parallel parallel(With({.progress = [&](const Progress& p) {
    EXPECT_EQ(std::this_thread::get_id(), caller);
    events.push_back(p);
  }}));
  const auto identity = [](int i) {
    return delayed([](int n) { return n; })(i);
  };
  const auto expect_events = [&](int n, std::int64_t total) {
    ASSERT_THAT(events, SizeIs(n));
    for (int i = 0; i < n; ++i) {
      EXPECT_EQ(events[i].done, i + 1);
      EXPECT_EQ(events[i].total, total);
    }
    events.clear();
  };
  parallel(each(range(100), identity));
  expect_events(100, 100);
  parallel.collect(each(range(30), identity));
  expect_events(30, 30);
  for (int result : parallel.generator(each(range(30), identity))) {
    (void)result;
  }
  expect_events(30, 30);
  // An input that does not tell its length.
  struct Unsized {
    Range<int>::iterator begin() { return range(9).begin(); }
    Range<int>::iterator end() { return range(9).end(); }
  };
  parallel(each(Unsized(), identity));
  expect_events(9, -1);
}

TEST_P(BackendContractTest, ProgressCountsTasksWhoseErrorIsAValue) {
  std::int64_t last = 0;
  Parallel parallel(
      With({.progress = [&](const Progress& p) { last = p.done; }}));
  parallel.collect(each(range(10), [](int i) {
    return delayed([](int n) {
      if (n % 2 == 0) throw n;
    })(i);
  }));
  EXPECT_EQ(last, 10);
}

TEST_P(BackendContractTest, WhatTheProgressCallbackThrowsEndsTheCall) {
  std::atomic<int> running{0};
  bool armed = true;
  Parallel parallel(With({.progress = [&](const Progress& p) {
    if (armed && p.done == 3) throw std::domain_error("callback");
  }}));
  const auto task = [&](std::int64_t i) {
    return delayed([&running](std::int64_t n) {
      ++running;
      absl::SleepFor(absl::ZeroDuration());
      --running;
      return n;
    })(i);
  };
  EXPECT_THAT([&] { parallel(each(range(kEndless), task)); },
              ThrowsMessage<std::domain_error>("callback"));
  EXPECT_EQ(running, 0);
  EXPECT_THAT([&] { parallel.collect(each(range(kEndless), task)); },
              ThrowsMessage<std::domain_error>("callback"));
  EXPECT_EQ(running, 0);
  EXPECT_THAT(
      [&] {
        for (std::int64_t result :
             parallel.generator(each(range(kEndless), task))) {
          (void)result;
        }
      },
      ThrowsMessage<std::domain_error>("callback"));
  EXPECT_EQ(running, 0);
  armed = false;
  ExpectUsable(parallel);
}

TEST_P(BackendContractTest, AStopTokenEndsTheCall) {
  StopSource stop;
  Parallel parallel(With({.stop_token = stop.token()}));
  EXPECT_THAT(
      [&] {
        parallel(each(range(kEndless), [&](std::int64_t i) {
          return delayed([&stop](std::int64_t n) {
            if (n == 10) stop.request_stop();
          })(i);
        }));
      },
      ThrowsMessage<CancelledError>(HasSubstr("stop token")));
}

TEST_P(BackendContractTest, ARunningTaskSeesTheStop) {
  StopSource stop;
  EXPECT_FALSE(stop_requested());
  std::atomic<bool> before{true}, after{false};
  EXPECT_THROW(Parallel(With({.stop_token = stop.token()}))(
                   each(range(kEndless),
                        [&](std::int64_t i) {
                          return delayed([&](std::int64_t n) {
                            if (n != 3) {
                              return;
                            }
                            before = stop_requested();
                            stop.request_stop();
                            after = stop_requested();
                          })(i);
                        })),
               CancelledError);
  EXPECT_FALSE(before);
  EXPECT_TRUE(after);
  EXPECT_FALSE(stop_requested());
}

TEST_P(BackendContractTest, AStopBeforeTheCallReadsNothing) {
  StopSource stop;
  stop.request_stop();
  Parallel parallel(With({.stop_token = stop.token()}));
  int read = 0;
  const auto input = [&] {
    return each(range(5), [&read](int i) {
      ++read;
      return delayed([](int n) { return n; })(i);
    });
  };
  EXPECT_THROW(parallel(input()), CancelledError);
  EXPECT_THROW(
      {
        for (int result : parallel.generator(input())) (void)result;
      },
      CancelledError);
  const auto outcomes = parallel.collect(input());
  ASSERT_THAT(outcomes, SizeIs(5));
  for (const auto& outcome : outcomes) {
    EXPECT_THROW(outcome.value(), CancelledError);
  }
  EXPECT_EQ(read, 0);
}

TEST_P(BackendContractTest, AStopInCollectFillsTheUnfinishedSlots) {
  StopSource stop;
  const auto outcomes =
      Parallel(With({.stop_token = stop.token()}))
          .collect(each(range(200), [&](int i) {
            return delayed([&stop](int n) {
              if (n == 20) stop.request_stop();
              if (n > 20) {  // Ends with the call: each worker begins but one.
                Gate stopped;
                const auto handle =
                    current_stop_token().on_stop([&] { stopped.Open(); });
                EXPECT_TRUE(stopped.Wait());
              }
              return n;
            })(i);
          }));
  ASSERT_THAT(outcomes, SizeIs(200));
  int n_values = 0;
  for (int i = 0; i < 200; ++i) {
    if (i <= 20 && !is_concurrent()) {
      EXPECT_TRUE(outcomes[i].has_value()) << i;
    }
    if (outcomes[i].has_value()) {
      ++n_values;
      EXPECT_EQ(outcomes[i].value(), i);
    } else {
      EXPECT_THROW(outcomes[i].value(), CancelledError);
    }
  }
  // Backends may run all batches of the window at once.
  EXPECT_LE(n_values, 21 + 2 * n_workers());
}

TEST_P(BackendContractTest, StoppingFromTheProgressCallback) {
  StopSource stop;
  Parallel parallel(With({.progress =
                              [&](const Progress& p) {
                                if (p.done == 5) stop.request_stop();
                              },
                          .stop_token = stop.token()}));
  EXPECT_THROW(
      parallel(each(range(kEndless),
                    [](std::int64_t i) {
                      return delayed([](std::int64_t n) { return n; })(i);
                    })),
      CancelledError);
}

TEST_P(BackendContractTest, CallingARunningParallelIsRefused) {
  Parallel parallel(With());
  EXPECT_THAT(
      [&] {
        parallel(each(range(3), [&](int) {
          return delayed([&parallel] {
            parallel(each(range(1), [](int) { return delayed([] {})(); }));
          })();
        }));
      },
      ThrowsMessage<std::runtime_error>(
          StartsWith("This Parallel instance is already running !")));
  ExpectUsable(parallel);
}

TEST_P(BackendContractTest, CallingAParallelWhoseGeneratorLivesIsRefused) {
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
  {
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

TEST_P(BackendContractTest, TimeoutEndsACallWhoseTaskHangs) {
  if (!is_concurrent()) GTEST_SKIP() << "the calling thread runs the tasks";
  const auto release = std::make_shared<Gate>();
  const auto left = std::make_shared<Gate>();
  Parallel parallel(With({.timeout = 0.05}));
  // Shared: such tasks must not hold what ends with the call.
  const auto task = [release, left](int i) {
    return delayed([release, left](int n) {
      if (n == 1) {
        release->Wait();
        left->Open();
      }
      return n;
    })(i);
  };
  EXPECT_THROW(parallel(each(range(4), task)), TimeoutError);
  EXPECT_FALSE(left->is_open());
  const auto outcomes = parallel.collect(each(range(4), task));
  ASSERT_THAT(outcomes, SizeIs(4));
  EXPECT_THROW(outcomes[1].value(), TimeoutError);
  EXPECT_FALSE(left->is_open());
  EXPECT_THROW(
      {
        for (int result : parallel.generator(each(range(4), task))) {
          EXPECT_EQ(result, 0);
        }
      },
      TimeoutError);
  EXPECT_FALSE(left->is_open());
  release->Open();
  EXPECT_TRUE(left->Wait());
}

TEST_P(BackendContractTest, TimeoutDoesNotDisturbAFasterCall) {
  const WarningCollector warnings;
  Parallel parallel(With({.timeout = 60}));
  ExpectUsable(parallel);
  EXPECT_THAT(warnings.messages(),
              is_plain_loop()
                  ? ElementsAre(HasSubstr("timeout"))
                  : ::testing::Matcher<std::vector<std::string>>(IsEmpty()));
}

}  // namespace
}  // namespace joblib::testing
