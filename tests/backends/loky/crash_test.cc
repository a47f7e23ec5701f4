// A worker's death is an error of the task that it ran, and of nothing else.
#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <ostream>
#include <stdexcept>
#include <string>
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

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::ThrowsMessage;

constexpr int kTasks = 200;
constexpr int kBad = 13;
constexpr int kStackOverflow = 1000;

struct Death {
  const char* name;
  int how;  // A signal, minus an exit code, or kStackOverflow.
  int signal;
  int exit_code;
};
void PrintTo(const Death& death, std::ostream* out) { *out << death.name; }

int Overflow(volatile int* depth) {
  volatile char page[4096];
  page[0] = static_cast<char>(*depth);
  *depth = *depth + 1;
  return *depth < 0 ? 0 : Overflow(depth) + page[0];
}

void Die(int how) {
  if (how == kStackOverflow) {
    volatile int depth = 1;
    std::_Exit(Overflow(&depth));
  }
  if (how > 0) std::raise(how);
  std::_Exit(-how);
}

int DieAtBad(const SharedCounters& starts, int n, int how) {
  starts.Add(n, 1);
  if (n == kBad) Die(how);
  return n;
}
auto DeadlyTasks(const SharedCounters& starts, int how) {
  return each(range(kTasks), [&starts, how](int i) {
    return delayed(DieAtBad)(starts, i, how);
  });
}

int Twice(int n) { return 2 * n; }
void ExpectUsable() {
  EXPECT_THAT(Parallel({.n_jobs = 2}).map(Twice, range(4)),
              ElementsAre(0, 2, 4, 6));
}
bool HasWorkers(std::size_t n) {
  return Eventually([n] { return Children().size() == n; });
}

class CrashTest : public ::testing::TestWithParam<Death> {};

TEST_P(CrashTest, CostsCollectTheTaskAlone) {
  for (const int batch_size : {1, 50}) {
    SCOPED_TRACE(batch_size);
    ExpectUsable();
    ASSERT_TRUE(HasWorkers(KeptWorkers(2)));
    const std::vector<std::int64_t> before = Children();
    const auto starts = SharedCounters::Zeros(kTasks);
    const auto outcomes = Parallel({.n_jobs = 2, .batch_size = batch_size})
                              .collect(DeadlyTasks(starts, GetParam().how));
    ASSERT_THAT(outcomes, SizeIs(kTasks));
    for (int i = 0; i < kTasks; ++i) {
      EXPECT_EQ(starts.Get(i), 1) << i;
      ASSERT_EQ(outcomes[i].has_value(), i != kBad)
          << i << outcomes[i].message();
      if (i != kBad) {
        EXPECT_EQ(outcomes[i].value(), i);
      }
    }
    try {
      outcomes[kBad].value();
    } catch (const TerminatedWorkerError& error) {
      EXPECT_EQ(error.task_index(), kBad);
      EXPECT_EQ(error.signal(), GetParam().signal);
      EXPECT_EQ(error.exit_code(), GetParam().exit_code);
    }
    EXPECT_THAT(outcomes[kBad].message(), HasSubstr("Task 13"));
    EXPECT_TRUE(HasWorkers(KeptWorkers(2)));
    // One was replaced.
    EXPECT_EQ(std::count_if(before.begin(), before.end(), Lives),
              static_cast<std::ptrdiff_t>(before.size() / 2));
  }
}

TEST_P(CrashTest, IsTheCallsErrorAndTheNextCallWorks) {
  const auto starts = SharedCounters::Zeros(kTasks);
  try {
    Parallel({.n_jobs = 2})(DeadlyTasks(starts, GetParam().how));
    ADD_FAILURE();
  } catch (const TerminatedWorkerError& error) {
    EXPECT_EQ(error.task_index(), kBad);
    EXPECT_EQ(error.signal(), GetParam().signal);
    EXPECT_EQ(error.exit_code(), GetParam().exit_code);
    EXPECT_THAT(error.what(), HasSubstr("Task 13"));
  }
  for (int i = 0; i < kTasks; ++i) EXPECT_LE(starts.Get(i), 1) << i;
  ExpectUsable();
}

// By its names: out of line, and each with something to do after the call.
[[gnu::noinline]] int WriteThrough(volatile int* nowhere) {
  *nowhere = 1;
  return *nowhere;
}
[[gnu::noinline]] int ParseBadFile(int n) { return WriteThrough(nullptr) + n; }
[[gnu::noinline]] int AbortInTheLibrary(int n) {
  if (n >= 0) std::abort();
  return n;
}

TEST(CrashMessageTest, NamesTheFunctions) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "sanitizers see a bad pointer before the system does";
#endif
  Parallel parallel({.n_jobs = 2});
  EXPECT_THAT(
      parallel.collect(std::vector{delayed(ParseBadFile)(1)}).at(0).message(),
      AllOf(HasSubstr("It crashed in\n"), HasSubstr("WriteThrough"),
            HasSubstr("ParseBadFile")));
  EXPECT_THAT(parallel.collect(std::vector{delayed(AbortInTheLibrary)(1)})
                  .at(0)
                  .message(),
              AllOf(HasSubstr("abort"), HasSubstr("AbortInTheLibrary")));
}

TEST_P(CrashTest, IsRetriedAsOftenAsAllowed) {
  const auto starts = SharedCounters::Zeros(kTasks);
  const auto outcomes = Parallel({.n_jobs = 2, .max_retries = 2})
                            .collect(DeadlyTasks(starts, GetParam().how));
  ASSERT_THAT(outcomes, SizeIs(kTasks));
  for (int i = 0; i < kTasks; ++i) {
    EXPECT_EQ(starts.Get(i), i == kBad ? 3 : 1) << i;
    EXPECT_EQ(outcomes[i].has_value(), i != kBad) << i;
  }
  try {
    outcomes[kBad].value();
  } catch (const TaskFailure& failure) {
    EXPECT_EQ(failure.attempt(), 3);
  }
}

INSTANTIATE_TEST_SUITE_P(
    Deaths, CrashTest,
    ::testing::Values(Death{"Sigsegv", SIGSEGV, SIGSEGV, 0},
                      Death{"Sigabrt", SIGABRT, SIGABRT, 0},
                      Death{"Sigfpe", SIGFPE, SIGFPE, 0},
                      Death{"Sigkill", SIGKILL, SIGKILL, 0},
                      Death{"Sigterm", SIGTERM, SIGTERM, 0},
                      Death{"Exit0", 0, 0, 0}, Death{"Exit3", -3, 0, 3},
                      Death{"Exit200", -200, 0, 200},
                      Death{"StackOverflow", kStackOverflow, SIGSEGV, 0}),
    [](const auto& info) { return std::string(info.param.name); });

template <class E>
void ExpectDeathIsA() {
  const auto starts = SharedCounters::Zeros(kTasks);
  EXPECT_THROW(Parallel({.n_jobs = 2})(DeadlyTasks(starts, SIGKILL)), E);
}

TEST(CrashErrorTest, IsCaughtAsWhateverItIs) {
  ExpectDeathIsA<TerminatedWorkerError>();
  ExpectDeathIsA<BrokenProcessPool>();
  ExpectDeathIsA<std::runtime_error>();
  ExpectDeathIsA<std::exception>();
  ExpectDeathIsA<TaskFailure>();
}

TEST(CrashErrorTest, TellsOfAKillThatNobodySent) {
  const auto starts = SharedCounters::Zeros(kTasks);
  EXPECT_THAT([&] { Parallel({.n_jobs = 2})(DeadlyTasks(starts, SIGKILL)); },
              ThrowsMessage<TerminatedWorkerError>(
                  HasSubstr("possibly out of memory")));
  EXPECT_THAT(
      [&] { Parallel({.n_jobs = 2})(DeadlyTasks(starts, SIGTERM)); },
      ThrowsMessage<TerminatedWorkerError>(Not(HasSubstr("out of memory"))));
}

// 13 dies when all before it are done, and 14 runs on the other worker.
int DieWhenOthersRan(const SharedCounters& n_begun, int n) {
  n_begun.Add();
  if (n < kBad) return n;
  if (!n_begun.AwaitAtLeast(0, kBad + 2)) return -1;
  if (n == kBad) Die(SIGKILL);
  n_begun.AwaitAtLeast(0, 1000);  // Never.
  return n;
}

TEST(CrashErrorTest, CountsTheTasksThatWereDone) {
  const auto n_begun = SharedCounters::Zeros();
  try {
    Parallel({.n_jobs = 2, .batch_size = 1})(each(range(20), [&](int i) {
      return delayed(DieWhenOthersRan)(n_begun, i);
    }));
    ADD_FAILURE();
  } catch (const TerminatedWorkerError& error) {
    EXPECT_EQ(error.completed(), kBad);
  }
}

// Both workers, each of which has served a task.
std::vector<std::int64_t> ServingWorkers() {
  const auto arrived = SharedCounters::Zeros();
  return Parallel({.n_jobs = 2, .batch_size = 1})(each(range(2), [&](int) {
    return delayed([](const SharedCounters& arrived) {
      arrived.Add();
      return arrived.AwaitAtLeast(0, 2) ? native::ProcessId() : 0;
    })(arrived);
  }));
}

TEST(CrashTest, OfAnIdleWorkerDoesNoHarm) {
  for (int round = 0; round < 12; ++round) {
    SCOPED_TRACE(round);
    const std::vector<std::int64_t> workers = ServingWorkers();
    // One, or both; told of already, or not.
    const int n = 1 + round % 2;
    for (int i = 0; i < n; ++i) kill(static_cast<pid_t>(workers[i]), SIGKILL);
    if (round % 3 != 0) {
      ASSERT_TRUE(AllGone({workers.begin(), workers.begin() + n}));
    }
    ExpectUsable();
  }
  EXPECT_TRUE(HasWorkers(KeptWorkers(2)));
}

// ---- Errors that are no deaths ----

TEST(ErrorTest, AClosureWithReferencesIsAPicklingError) {
  int factor = 3;
  EXPECT_THROW(Parallel({.n_jobs = 2})
                   .map([&factor](int n) { return n * factor; }, range(4)),
               PicklingError);
  ExpectUsable();
}

struct Sealed : std::runtime_error {
  using std::runtime_error::runtime_error;
};
struct Unknown : std::logic_error {
  using std::logic_error::logic_error;
};
const bool registered = register_exception<Sealed>();

TEST(ErrorTest, ExceptionsOfTasksArriveAsThemselves) {
  ASSERT_TRUE(registered);
  const auto thrown = Parallel({.n_jobs = 2}).collect(each(range(4), [](int i) {
    return delayed([](int n) {
      if (n == 0) throw std::out_of_range("standard");
      if (n == 1) throw Sealed("registered");
      if (n == 2) throw Unknown("unknown");
      return n;
    })(i);
  }));
  ASSERT_THAT(thrown, SizeIs(4));
  EXPECT_THAT([&] { thrown[0].value(); },
              ThrowsMessage<std::out_of_range>("standard"));
  EXPECT_THAT([&] { thrown[1].value(); }, ThrowsMessage<Sealed>("registered"));
  EXPECT_THAT([&] { thrown[2].value(); },
              ThrowsMessage<RemoteError>(HasSubstr("unknown")));
  EXPECT_EQ(thrown[3].value(), 3);
  for (int i = 0; i < 3; ++i) {
    try {
      thrown[i].value();
    } catch (const TaskFailure& failure) {
      EXPECT_EQ(failure.task_index(), i);
      continue;
    } catch (const RemoteError& error) {
      EXPECT_EQ(error.task_index(), i);
    }
  }
}

}  // namespace
}  // namespace joblib::testing
