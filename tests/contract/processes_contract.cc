// What holds where tasks run in other processes: whatever a worker does costs
// its own task alone, and an abort waits for nobody (DESIGN.md 8.2, 8.3, 8.12).
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "native/thread.h"
#include "tests/contract/contract.h"
#include "tests/contract/ended_early.h"
#include "tests/contract/visits.h"
#include "tests/testing/gates.h"
#include "tests/testing/shared_counters.h"
#include "tests/testing/warning_collector.h"

namespace joblib::testing {

GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(ProcessContractTest);

namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::ThrowsMessage;

using Clock = std::chrono::steady_clock;

// Tasks that wait for each other: n at once, each on a worker of its own.
std::int64_t MeetOthers(const SharedCounters& arrived, int n) {
  arrived.Add();
  return arrived.AwaitAtLeast(0, n) ? native::ProcessId() : 0;
}

TEST_P(ProcessContractTest, EachWorkerIsAProcessOfItsOwn) {
  const auto arrived = SharedCounters::Zeros();
  const int n = n_workers();
  const std::vector<std::int64_t> pids = Parallel(With({.batch_size = 1}))(
      each(range(n), [&](int) { return delayed(MeetOthers)(arrived, n); }));
  EXPECT_THAT(pids, Not(Contains(0)));
  EXPECT_THAT(pids, Not(Contains(native::ProcessId())));
  EXPECT_THAT(std::set<std::int64_t>(pids.begin(), pids.end()), SizeIs(n));
}

// Task 0 stays for ever; task 1 waits for it, and then does `what`.
enum class What { kThrow, kReturn };
int StayOr(const Visits& visits, int n, int what) {
  if (n == 0) visits.Stay();
  if (n == 1) {
    if (!visits.AwaitInside(1)) return -1;
    if (static_cast<What>(what) == What::kThrow) {
      throw std::domain_error("one");
    }
  }
  return n;
}
auto StayOrTasks(const Visits& visits, What what) {
  return each(range(2), [&visits, what](int i) {
    return delayed(StayOr)(visits, i, static_cast<int>(what));
  });
}

TEST_P(ProcessContractTest, AnErrorWaitsForNoRunningTask) {
  const auto visits = Visits::None();
  Parallel parallel(With({.batch_size = 1}));
  const auto start = Clock::now();
  EXPECT_THAT([&] { parallel(StayOrTasks(visits, What::kThrow)); },
              ThrowsMessage<std::domain_error>("one"));
  EXPECT_LT(Clock::now() - start, kPatience);
  EXPECT_TRUE(visits.HaveEnded());
  ExpectUsable(parallel);
}

// Stays until the stop wakes it.
void ListenForStop(const SharedCounters& counts) {
  Gate woken;
  const auto handle = current_stop_token().on_stop([&] {
    counts.Add(1, 1);
    woken.Open();
  });
  counts.Add(0, 1);
  woken.Wait();
}

TEST_P(ProcessContractTest, AStopWakesATaskThatListens) {
  if (is_cluster()) GTEST_SKIP() << "a cluster kills at once";
  // It has a moment to end by itself, which a busy machine may not give it.
  const auto counts = SharedCounters::Zeros(2);
  for (int round = 1; round <= 200 && counts.Get(1) == 0; ++round) {
    StopSource stop;
    std::thread stopper([&] {
      EXPECT_TRUE(counts.AwaitAtLeast(0, round));
      stop.request_stop();
    });
    EXPECT_THROW(Parallel(With({.batch_size = 1, .stop_token = stop.token()}))(
                     std::vector{delayed(ListenForStop)(counts)}),
                 CancelledError);
    stopper.join();
  }
  EXPECT_GE(counts.Get(1), 1);
}

TEST_P(ProcessContractTest, AStopWaitsForNoRunningTask) {
  const auto visits = Visits::None();
  StopSource stop;
  Parallel parallel(
      With({.batch_size = 1,
            .progress = [&](const Progress&) { stop.request_stop(); },
            .stop_token = stop.token()}));
  const auto start = Clock::now();
  EXPECT_THROW(parallel(StayOrTasks(visits, What::kReturn)), CancelledError);
  EXPECT_LT(Clock::now() - start, kPatience);
  EXPECT_TRUE(visits.HaveEnded());
}

TEST_P(ProcessContractTest, ATimeoutLeavesNothingBehind) {
  const auto visits = Visits::None();
  Parallel parallel(With({.timeout = 0.2, .batch_size = 1}));
  EXPECT_THROW(parallel(StayOrTasks(visits, What::kReturn)), TimeoutError);
  EXPECT_TRUE(visits.HaveEnded());
  const auto outcomes = parallel.collect(StayOrTasks(visits, What::kReturn));
  ASSERT_THAT(outcomes, SizeIs(2));
  EXPECT_THROW(outcomes[0].value(), TimeoutError);
  EXPECT_TRUE(visits.HaveEnded());
}

TEST_P(ProcessContractTest, ADroppedGeneratorWaitsForNoRunningTask) {
  if (!has_generators()) GTEST_SKIP() << "has none";
  const WarningCollector warnings;
  const auto visits = Visits::None();
  Parallel parallel(With({.batch_size = 1}));
  const auto start = Clock::now();
  {
    auto results =
        parallel.generator_unordered(StayOrTasks(visits, What::kReturn));
    EXPECT_EQ(*results.begin(), 1);
  }
  EXPECT_LT(Clock::now() - start, kPatience);
  EXPECT_TRUE(visits.HaveEnded());
  ExpectUsable(parallel);
}

// Those of a batch in which one dies run again on a cluster.
void ExpectRuns(std::int64_t runs, std::int64_t expected, bool is_cluster,
                int task) {
  if (is_cluster) {
    EXPECT_GE(runs, expected) << task;
  } else {
    EXPECT_EQ(runs, expected) << task;
  }
}

TEST_P(ProcessContractTest, TaskTimeoutKillsTheTaskAlone) {
  for (const int batch_size : {1, 5}) {
    const auto visits = Visits::None();
    const auto ran = SharedCounters::Zeros(20);
    const auto outcomes =
        Parallel(With({.batch_size = batch_size, .task_timeout = 0.3}))
            .collect(each(range(20), [&](int i) {
              return delayed(
                  [](const SharedCounters& ran, const Visits& visits, int n) {
                    ran.Add(n, 1);
                    if (n == 13) visits.Stay();
                    return n;
                  })(ran, visits, i);
            }));
    ASSERT_THAT(outcomes, SizeIs(20));
    for (int i = 0; i < 20; ++i) {
      ExpectRuns(ran.Get(i), 1, is_cluster(), i);
      EXPECT_EQ(outcomes[i].has_value(), i != 13) << i;
    }
    EXPECT_THROW(outcomes[13].value(), TimeoutError);
    EXPECT_TRUE(visits.HaveEnded());
  }
}

// ---- Exceptions ----

struct OwnError {
  std::string text;
};
struct RegisteredError : std::runtime_error {
  using std::runtime_error::runtime_error;
};
const bool registered = register_exception<RegisteredError>();

TEST_P(ProcessContractTest, AnUnknownErrorIsARemoteError) {
  try {
    Parallel{With()}.map(
        [](int n) {
          if (n == 7) throw OwnError{"own"};
        },
        range(10));
    ADD_FAILURE();
  } catch (const RemoteError& error) {
    EXPECT_THAT(error.type_name(), HasSubstr("OwnError"));
    EXPECT_EQ(error.task_index(), 7);
  }
  EXPECT_THROW(Parallel{With()}.map([](int) { throw 42; }, range(3)),
               RemoteError);
}

TEST_P(ProcessContractTest, ARegisteredErrorArrivesAsItself) {
  ASSERT_TRUE(registered);
  EXPECT_THAT(
      [&] {
        Parallel{With()}.map([](int) { throw RegisteredError("sold out"); },
                             range(3));
      },
      ThrowsMessage<RegisteredError>("sold out"));
}

TEST_P(ProcessContractTest, AnErrorTellsItsTask) {
  try {
    Parallel{With()}.map(
        [](int n) {
          if (n == 7) throw std::out_of_range("seven");
        },
        range(10));
    ADD_FAILURE();
  } catch (const TaskFailure& failure) {
    EXPECT_EQ(failure.task_index(), 7);
    EXPECT_GT(failure.worker_pid(), 0);
    EXPECT_NE(failure.worker_pid(), native::ProcessId());
    EXPECT_EQ(failure.attempt(), 1);
  }
}

// ---- Deaths ----

// How a worker ends: a signal, or below zero an exit code.
void Die(int how) {
  if (how > 0) std::raise(how);
  std::_Exit(-how);
}

TEST_P(ProcessContractTest, AWorkersDeathIsTheCallsErrorAndTheNextOneWorks) {
  Parallel parallel(With());
  for (const int how : {SIGSEGV, SIGABRT, SIGFPE, SIGKILL, SIGTERM, 0, -3}) {
    try {
      parallel(each(range(10), [how](int i) {
        return delayed([](int n, int how) {
          if (n == 7) Die(how);
          return n;
        })(i, how);
      }));
      ADD_FAILURE() << how;
    } catch (const TerminatedWorkerError& error) {
      EXPECT_EQ(error.task_index(), 7) << how;
      EXPECT_EQ(error.signal(), how > 0 ? how : 0);
      EXPECT_EQ(error.exit_code(), how > 0 ? 0 : -how);
    }
    ExpectUsable(parallel);
  }
}

TEST_P(ProcessContractTest, ADeathCostsCollectTheTaskAlone) {
  for (const int batch_size : {1, 50}) {
    const auto ran = SharedCounters::Zeros(200);
    const auto outcomes =
        Parallel(With({.batch_size = batch_size}))
            .collect(each(range(200), [&](int i) {
              return delayed([](const SharedCounters& ran, int n) {
                ran.Add(n, 1);
                if (n == 13) Die(SIGSEGV);
                return n;
              })(ran, i);
            }));
    ASSERT_THAT(outcomes, SizeIs(200));
    for (int i = 0; i < 200; ++i) {
      ExpectRuns(ran.Get(i), 1, is_cluster(), i);
      ASSERT_EQ(outcomes[i].has_value(), i != 13) << i;
      if (i != 13) {
        EXPECT_EQ(outcomes[i].value(), i);
      }
    }
    EXPECT_THROW(outcomes[13].value(), TerminatedWorkerError);
  }
}

TEST_P(ProcessContractTest, MaxRetriesStartsTheCrashedTaskAnew) {
  const auto ran = SharedCounters::Zeros(20);
  const auto outcomes =
      Parallel(With({.max_retries = 2})).collect(each(range(20), [&](int i) {
        return delayed([](const SharedCounters& ran, int n) {
          const std::int64_t attempt = ran.Add(n, 1);
          if (n == 13 || (n == 5 && attempt == 1)) Die(SIGKILL);
          return n;
        })(ran, i);
      }));
  ASSERT_THAT(outcomes, SizeIs(20));
  for (int i = 0; i < 20; ++i) {
    ExpectRuns(ran.Get(i), i == 13 ? 3 : i == 5 ? 2 : 1, is_cluster(), i);
    EXPECT_EQ(outcomes[i].has_value(), i != 13) << i;
  }
}

}  // namespace
}  // namespace joblib::testing
