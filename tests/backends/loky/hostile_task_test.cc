// Tasks that do what no task should: whatever becomes of theirs, every other
// one has its value, the next call works, and no process is left.
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <clocale>
#include <cstdint>
#include <cstdlib>
#include <ostream>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "joblib/joblib.h"
#include "tests/backends/process/children.h"
#include "tests/testing/eventually.h"
#include "tests/testing/shared_counters.h"

namespace joblib::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

constexpr int kTasks = 40;
constexpr int kBad = 13;

struct Deed {
  const char* name;
  void (*act)();
  // Of the task that did it: how its worker ended, or nothing.
  const char* error;
};
void PrintTo(const Deed& deed, std::ostream* out) { *out << deed.name; }

void ExecShort() { execl("/bin/true", "true", nullptr); }
// Its process lives on, and is no worker any more.
void ExecLong() { execl("/bin/sleep", "sleep", "1000", nullptr); }
void Exit() { std::exit(3); }
void QuickExit() { std::quick_exit(4); }
void EndThread() { pthread_exit(nullptr); }
void CloseAll() {
  for (int fd = 3; fd < 1024; ++fd) close(fd);
}
void IgnoreChildren() { signal(SIGCHLD, SIG_IGN); }
void IgnoreAllSignals() {
  for (int i = 1; i < SIGRTMAX; ++i) signal(i, SIG_IGN);
}
void BlockAllSignals() {
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, nullptr);
}
void GoElsewhere() {
  if (chdir("/") != 0) std::abort();
}
void SpeakOtherwise() { std::setlocale(LC_ALL, "C.UTF-8"); }
void LeadASession() { setsid(); }
// The child goes back into what called the task.
void ForkAndReturn() {
  if (fork() < 0) std::abort();
}
void LeaveAThread() {
  std::thread([] {
    for (;;) std::this_thread::sleep_for(std::chrono::seconds(1));
  }).detach();
}

int Act(int n, const std::string& name);

class HostileTaskTest : public ::testing::TestWithParam<Deed> {};

const std::vector<Deed>& Deeds() {
  static const auto* const deeds = new std::vector<Deed>{
      {"ExecShort", ExecShort, "EXIT(0)"},
      {"ExecLong", ExecLong, "called exec()"},
      {"Exit", Exit, "EXIT(3)"},
      {"QuickExit", QuickExit, "EXIT(4)"},
      {"EndThread", EndThread, "Task 13"},
      {"CloseAll", CloseAll, nullptr},
      {"IgnoreChildren", IgnoreChildren, nullptr},
      {"IgnoreAllSignals", IgnoreAllSignals, nullptr},
      {"BlockAllSignals", BlockAllSignals, nullptr},
      {"GoElsewhere", GoElsewhere, nullptr},
      {"SpeakOtherwise", SpeakOtherwise, nullptr},
      {"LeadASession", LeadASession, nullptr},
      {"ForkAndReturn", ForkAndReturn, nullptr},
      {"LeaveAThread", LeaveAThread, nullptr},
  };
  return *deeds;
}

int Act(int n, const std::string& name) {
  if (n == kBad) {
    for (const Deed& deed : Deeds()) {
      if (deed.name == name) deed.act();
    }
  }
  return 2 * n;
}

TEST_P(HostileTaskTest, HarmsItselfAlone) {
  const std::string name = GetParam().name;
  const auto outcomes =
      Parallel({.n_jobs = 2}).collect(each(range(kTasks), [&](int i) {
        return delayed(Act)(i, name);
      }));
  ASSERT_THAT(outcomes, SizeIs(kTasks));
  for (int i = 0; i < kTasks; ++i) {
    const bool is_bad = i == kBad && GetParam().error != nullptr;
    ASSERT_EQ(outcomes[i].has_value(), !is_bad) << outcomes[i].message();
    if (!is_bad) {
      EXPECT_EQ(outcomes[i].value(), 2 * i);
    }
  }
  if (GetParam().error != nullptr) {
    EXPECT_THROW(outcomes[kBad].value(), TerminatedWorkerError);
    EXPECT_THAT(outcomes[kBad].message(), HasSubstr(GetParam().error));
  }
  EXPECT_THAT(
      Parallel({.n_jobs = 2}).map(Act, range(4), std::vector<std::string>(4)),
      ElementsAre(0, 2, 4, 6));
  shutdown();
  EXPECT_TRUE(Eventually([] { return Children().empty(); }));
}

// Each task's child returns into the worker as well, with another answer.
std::string ForkAndAnswer(int n, std::size_t size, bool throws) {
  const pid_t child =
      n % 2 == 0 ? fork() : static_cast<pid_t>(syscall(SYS_fork));
  if (child < 0) std::abort();
  if (child == 0 && throws) throw std::runtime_error("of the child");
  return std::string(size, child == 0 ? 'c' : 'p');
}

TEST(ForkingTaskTest, TheParentAloneAnswers) {
  for (const std::size_t size : {std::size_t{4}, std::size_t{200'000}}) {
    for (const bool throws : {false, true}) {
      const auto results = Parallel({.n_jobs = 2})(each(range(100), [&](int i) {
        return delayed(ForkAndAnswer)(i, size, throws);
      }));
      EXPECT_EQ(results, std::vector<std::string>(100, std::string(size, 'p')));
    }
  }
  shutdown();
  EXPECT_TRUE(Eventually([] { return Children().empty(); }));
}

INSTANTIATE_TEST_SUITE_P(Deeds, HostileTaskTest, ::testing::ValuesIn(Deeds()),
                         [](const auto& info) {
                           return std::string(info.param.name);
                         });

// The first task of each worker leaves a thread that crashes during the next
// one: that one is named.
int CrashLater(const SharedCounters& begun, int n) {
  const std::int64_t n_begun = begun.Add();
  if (n >= 2) {
    begun.AwaitAtLeast(0, 1000);  // Never.
  } else if (n_begun < 2 ? begun.AwaitAtLeast(0, 2) : true) {
    std::thread([begun] {
      if (begun.AwaitAtLeast(0, 4)) raise(SIGSEGV);
    }).detach();
  }
  return n;
}

TEST(HostileThreadTest, IsAnErrorOfTheTaskThatRan) {
  const auto begun = SharedCounters::Zeros();
  const auto outcomes = Parallel({.n_jobs = 2, .batch_size = 1})
                            .collect(each(range(4), [&](int i) {
                              return delayed(CrashLater)(begun, i);
                            }));
  for (int i = 0; i < 2; ++i) EXPECT_EQ(outcomes.at(i).value(), i);
  for (int i = 2; i < 4; ++i) {
    EXPECT_THROW(outcomes.at(i).value(), TerminatedWorkerError);
    EXPECT_THAT(outcomes.at(i).message(),
                HasSubstr("Task " + std::to_string(i) + " was running on it"));
  }
}

}  // namespace
}  // namespace joblib::testing
