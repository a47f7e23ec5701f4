// What a thread of ours means to the process around it.

#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <latch>
#include <string>
#include <thread>

#include "absl/status/status.h"
#include "gtest/gtest.h"
#include "native/thread.h"

namespace joblib::native {
namespace {

std::string NameOfNewThread(const std::string& name) {
  std::latch done(1);
  std::string seen;
  const absl::Status status = StartThread(
      [&] {
        char buffer[64] = {};
        pthread_getname_np(pthread_self(), buffer, sizeof(buffer));
        seen = buffer;
        done.count_down();
      },
      name);
  if (!status.ok()) return status.ToString();
  done.wait();
  return seen;
}

TEST(StartThreadTest, ThreadsHaveNames) {
  const std::string first = NameOfNewThread("");
  ASSERT_EQ(first.substr(0, 7), "joblib-");
  const int number = std::stoi(first.substr(7));
  EXPECT_GE(number, 1);
  EXPECT_EQ(NameOfNewThread(""), "joblib-" + std::to_string(number + 1));
  EXPECT_EQ(NameOfNewThread("keeper"), "keeper");
  EXPECT_EQ(NameOfNewThread("0123456789abcdefgh"), "0123456789abcde");
}

TEST(StartThreadTest, TakesNoSignalOfTheProgram) {
  sigset_t before;
  pthread_sigmask(SIG_SETMASK, nullptr, &before);
  sigset_t inside;
  std::latch done(1);
  ASSERT_TRUE(StartThread([&] {
                pthread_sigmask(SIG_SETMASK, nullptr, &inside);
                done.count_down();
              }).ok());
  done.wait();
  for (const int blocked : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGCHLD, SIGUSR1,
                            SIGUSR2, SIGALRM, SIGPIPE, SIGRTMIN, SIGRTMAX}) {
    EXPECT_EQ(sigismember(&inside, blocked), 1) << blocked;
  }
  for (const int own : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGPROF}) {
    EXPECT_EQ(sigismember(&inside, own), 0) << own;
  }
  sigset_t after;
  pthread_sigmask(SIG_SETMASK, nullptr, &after);
  for (int signal = 1; signal <= SIGRTMAX; ++signal) {
    EXPECT_EQ(sigismember(&before, signal), sigismember(&after, signal));
  }
}

TEST(StartThreadTest, OutOfMemoryForItIsAnErrorAndNoException) {
  pthread_attr_t usual;
  ASSERT_EQ(pthread_getattr_default_np(&usual), 0);
  pthread_attr_t huge;
  ASSERT_EQ(pthread_getattr_default_np(&huge), 0);
  ASSERT_EQ(pthread_attr_setstacksize(&huge, std::size_t{1} << 50), 0);
  ASSERT_EQ(pthread_setattr_default_np(&huge), 0);
  const absl::Status status = StartThread([] { ADD_FAILURE(); });
  EXPECT_TRUE(absl::IsResourceExhausted(status)) << status;
  EXPECT_EQ(pthread_setattr_default_np(&usual), 0);
}

// What RemainingStack() says on `stack`, in a signal handler of this thread.
std::size_t RemainingOn(char* stack, std::size_t size) {
  static std::size_t remaining;
  remaining = 1;
  stack_t own = {};
  own.ss_sp = stack;
  own.ss_size = size;
  stack_t before;
  EXPECT_EQ(sigaltstack(&own, &before), 0);
  struct sigaction action = {};
  action.sa_handler = [](int) { remaining = RemainingStack(); };
  action.sa_flags = SA_ONSTACK;
  struct sigaction old_action;
  EXPECT_EQ(sigaction(SIGUSR1, &action, &old_action), 0);
  raise(SIGUSR1);
  sigaction(SIGUSR1, &old_action, nullptr);
  sigaltstack(&before, nullptr);
  return remaining;
}

TEST(RemainingStackTest, IsNothingOnAForeignStack) {
  constexpr std::size_t kSize = 256 * 1024;
  static char below_all_stacks[kSize];
  EXPECT_GT(RemainingStack(), 0);
  EXPECT_EQ(RemainingOn(below_all_stacks, kSize), 0);
  // The first thread's stack lies above those of all others.
  char above_other_stacks[kSize];
  std::thread([&] {
    EXPECT_GT(RemainingStack(), 0);
    EXPECT_EQ(RemainingOn(above_other_stacks, kSize), 0);
  }).join();
}

int n_prepared = 0;
int n_in_parent = 0;
int n_in_child = 0;

TEST(OnForkTest, CallsTheFunctionsAroundAFork) {
  ASSERT_TRUE(
      OnFork([] { ++n_prepared; }, [] { ++n_in_parent; }, [] { ++n_in_child; })
          .ok());
  const pid_t child = fork();
  if (child == 0) {
    _exit(n_prepared == 1 && n_in_parent == 0 && n_in_child == 1 ? 0 : 1);
  }
  ASSERT_GT(child, 0);
  int status = -1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(n_prepared, 1);
  EXPECT_EQ(n_in_parent, 1);
  EXPECT_EQ(n_in_child, 0);
}

TEST(ThisThreadIdTest, IsTheSystemsNumber) {
  EXPECT_EQ(ThisThreadId(), static_cast<std::uint64_t>(getpid()));
  EXPECT_EQ(ProcessId(), getpid());
  std::thread([] {
    const std::string task =
        "/proc/self/task/" + std::to_string(ThisThreadId()) + "/stat";
    EXPECT_TRUE(std::ifstream(task).good());
  }).join();
}

TEST(ThisThreadIdTest, IsAnotherOneInAForkedChild) {
  const std::uint64_t before = ThisThreadId();
  const pid_t child = fork();
  if (child == 0) _exit(ThisThreadId() != before ? 0 : 1);
  int status = -1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace joblib::native
