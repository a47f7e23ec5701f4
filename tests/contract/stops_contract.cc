// Watching a call and stopping it: progress, stop tokens, timeouts.
#include <cstdint>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "tests/contract/contract.h"
#include "tests/contract/ended_early.h"
#include "tests/contract/visits.h"
#include "tests/testing/gates.h"
#include "tests/testing/shared_counters.h"
#include "tests/testing/stop_by_task.h"
#include "tests/testing/warning_collector.h"

namespace joblib::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::ThrowsMessage;

constexpr std::int64_t kEndless = std::int64_t{1} << 60;

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
  if (has_generators()) {
    for (int result : parallel.generator(each(range(30), identity))) {
      (void)result;
    }
    expect_events(30, 30);
  }
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
      if (n % 2 == 0) throw std::domain_error("even");
    })(i);
  }));
  EXPECT_EQ(last, 10);
}

TEST_P(BackendContractTest, WhatTheProgressCallbackThrowsEndsTheCall) {
  const auto visits = Visits::None();
  bool armed = true;
  Parallel parallel(With({.progress = [&](const Progress& p) {
    if (armed && p.done == 3) throw std::domain_error("callback");
  }}));
  const auto tasks = [&] {
    return each(range(kEndless), [&](std::int64_t i) {
      return delayed(Visit)(visits, static_cast<int>(i));
    });
  };
  EXPECT_THAT([&] { parallel(tasks()); },
              ThrowsMessage<std::domain_error>("callback"));
  ExpectNoneRuns(visits, processes());
  EXPECT_THAT([&] { parallel.collect(tasks()); },
              ThrowsMessage<std::domain_error>("callback"));
  ExpectNoneRuns(visits, processes());
  if (has_generators()) {
    EXPECT_THAT(
        [&] {
          for (int result : parallel.generator(tasks())) (void)result;
        },
        ThrowsMessage<std::domain_error>("callback"));
    ExpectNoneRuns(visits, processes());
  }
  armed = false;
  ExpectUsable(parallel);
}

TEST_P(BackendContractTest, AStopTokenEndsTheCall) {
  StopByTask stop(processes());
  Parallel parallel(With({.stop_token = stop.token()}));
  EXPECT_THAT(
      [&] {
        parallel(each(range(kEndless), [&](std::int64_t i) {
          return delayed([](const StopRequest& stop, std::int64_t n) {
            if (n == 10) stop.Make();
          })(stop.request(), i);
        }));
      },
      ThrowsMessage<CancelledError>(HasSubstr("stop token")));
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
  if (has_generators()) {
    EXPECT_THROW(
        {
          for (int result : parallel.generator(input())) (void)result;
        },
        CancelledError);
  }
  const auto outcomes = parallel.collect(input());
  ASSERT_THAT(outcomes, SizeIs(5));
  for (const auto& outcome : outcomes) {
    EXPECT_THROW(outcome.value(), CancelledError);
  }
  EXPECT_EQ(read, 0);
}

// The 20th asks for the stop. Those behind it end with the call, so that each
// worker begins but one.
int StopAt20(const StopRequest& stop, int n) {
  if (n == 20) stop.Make();
  if (n > 20) {
    Gate stopped;
    const auto handle = current_stop_token().on_stop([&] { stopped.Open(); });
    if (!stopped.Wait()) throw std::logic_error("never stopped");
  }
  return n;
}

TEST_P(BackendContractTest, AStopInCollectFillsTheUnfinishedSlots) {
  StopByTask stop(processes());
  const auto outcomes = Parallel(With({.stop_token = stop.token()}))
                            .collect(each(range(200), [&](int i) {
                              return delayed(StopAt20)(stop.request(), i);
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

// Task 1 hangs until it is released, and tells that it has left.
int HangAt1(const SharedGate& release, const SharedGate& left, int n) {
  if (n == 1) {
    release.Wait();
    left.Open();
  }
  return n;
}

TEST_P(BackendContractTest, TimeoutEndsACallWhoseTaskHangs) {
  if (!is_concurrent()) GTEST_SKIP() << "the calling thread runs the tasks";
  const auto release = SharedGate::Shut();
  const auto left = SharedGate::Shut();
  Parallel parallel(With({.timeout = 0.05}));
  const auto tasks = [&] {
    return each(range(4),
                [&](int i) { return delayed(HangAt1)(release, left, i); });
  };
  EXPECT_THROW(parallel(tasks()), TimeoutError);
  EXPECT_FALSE(left.is_open());
  const auto outcomes = parallel.collect(tasks());
  ASSERT_THAT(outcomes, SizeIs(4));
  EXPECT_THROW(outcomes[1].value(), TimeoutError);
  EXPECT_FALSE(left.is_open());
  if (has_generators()) {
    EXPECT_THROW(
        {
          for (int result : parallel.generator(tasks())) {
            EXPECT_EQ(result, 0);
          }
        },
        TimeoutError);
    EXPECT_FALSE(left.is_open());
  }
  release.Open();
  // Threads finish what was left behind; a process has left nothing.
  if (!processes()) {
    EXPECT_TRUE(left.Wait());
  }
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
