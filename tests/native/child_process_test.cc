// Workers of this test program: what they inherit, and how they end.
// What needs other programs: hook_program_test.

#include "native/child_process.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <latch>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "gtest/gtest.h"
#include "native/environment.h"
#include "tests/native/own_worker.h"

namespace joblib::native {
namespace {

void Ends(WorkerPage&, const WorkerStart&) {}

void WaitsToBeKilled(WorkerPage& page, const WorkerStart&) {
  Reach(page, 2);
  for (;;) pause();
}

std::set<int> OpenDescriptors() {
  std::set<int> open;
  DIR* const list = opendir("/proc/self/fd");
  while (const dirent* const entry = readdir(list)) {
    if (entry->d_name[0] != '.') open.insert(std::atoi(entry->d_name));
  }
  open.erase(dirfd(list));
  closedir(list);
  return open;
}

// Puts the disposition of a signal back.
class ScopedSignal {
 public:
  ScopedSignal(int signal, void (*handler)(int))
      : signal_(signal), old_(::signal(signal, handler)) {}
  ~ScopedSignal() { ::signal(signal_, old_); }
  ScopedSignal(const ScopedSignal&) = delete;
  ScopedSignal& operator=(const ScopedSignal&) = delete;

 private:
  const int signal_;
  void (*const old_)(int);
};

// Each test runs with pidfds and without.
class ChildProcessTest : public testing::TestWithParam<bool> {
 protected:
  ChildProcessTest() { ChildProcess::RefusePidfdForTest(!GetParam()); }
  ~ChildProcessTest() override { ChildProcess::RefusePidfdForTest(false); }
};
INSTANTIATE_TEST_SUITE_P(, ChildProcessTest, testing::Bool(),
                         [](const auto& info) {
                           return std::string(info.param ? "WithPidfd"
                                                         : "WithoutPidfd");
                         });

TEST_P(ChildProcessTest, TellsTheExitCode) {
  OwnWorker worker;
  ASSERT_TRUE(
      worker.Start([](WorkerPage&, const WorkerStart&) { _exit(3); }).ok());
  EXPECT_EQ(worker.process().pidfd() >= 0, GetParam());
  EXPECT_EQ(OwnWorker::Describe(worker.WaitForEnd()), "EXIT(3)");
  EXPECT_EQ(OwnWorker::Describe(*worker.process().Poll()), "EXIT(3)");
}

TEST_P(ChildProcessTest, TellsTheSignal) {
  OwnWorker worker;
  ASSERT_TRUE(worker.Start(&WaitsToBeKilled).ok());
  worker.WaitFor(2);
  EXPECT_FALSE(worker.process().Poll().has_value());
  worker.process().Signal(SIGKILL);
  EXPECT_EQ(OwnWorker::Describe(worker.WaitForEnd()), "SIGKILL(-9)");
}

TEST_P(ChildProcessTest, SignalsNobodyOnceItHasEnded) {
  OwnWorker worker;
  ASSERT_TRUE(worker.Start(&Ends).ok());
  // Reaped behind our back: its number may be another process's.
  const auto pid = static_cast<pid_t>(worker.process().pid());
  ASSERT_EQ(waitpid(pid, nullptr, 0), pid);
  worker.process().Signal(SIGKILL);
  worker.process().KillTree();
  const ExitStatus status = worker.WaitForEnd();
  EXPECT_FALSE(status.known);
  worker.process().Signal(SIGKILL);
}

TEST_P(ChildProcessTest, AStatusThatTheProgramTookIsUnknown) {
  const ScopedSignal ignored(SIGCHLD, SIG_IGN);
  OwnWorker worker;
  ASSERT_TRUE(
      worker.Start([](WorkerPage&, const WorkerStart&) { _exit(3); }).ok());
  const ExitStatus status = worker.WaitForEnd();
  EXPECT_FALSE(status.known);
  EXPECT_EQ(OwnWorker::Describe(status), "UNKNOWN: reaped by the program");
}

TEST_P(ChildProcessTest, AMovedHandleStaysTheSameProcess) {
  OwnWorker worker;
  ASSERT_TRUE(worker.Start(&WaitsToBeKilled).ok());
  ChildProcess first = std::move(worker.process());
  EXPECT_EQ(worker.process().pid(), -1);
  EXPECT_FALSE(worker.process().Poll().has_value());
  ChildProcess second;
  second = std::move(first);
  second.Signal(SIGTERM);
  while (!second.Poll().has_value()) usleep(1000);
  EXPECT_EQ(ChildProcess::Describe(*second.Poll()), "SIGTERM(-15)");
}

TEST_P(ChildProcessTest, KillTreeKillsWhatAWorkerStarted) {
  OwnWorker worker;
  int pipe_ends[2];
  ASSERT_EQ(pipe2(pipe_ends, O_CLOEXEC), 0);
  // stdout of all of them is the pipe: its end is the end of the last.
  const int old_stdout = dup(1);
  std::fflush(stdout);
  dup2(pipe_ends[1], 1);
  close(pipe_ends[1]);
  const absl::Status started =
      worker.Start([](WorkerPage& page, const WorkerStart&) {
        for (int i = 0; i < 3; ++i) {
          if (fork() != 0) continue;
          if (fork() == 0) setsid();
          for (;;) pause();
        }
        Reach(page, 2);
        for (;;) pause();
      });
  dup2(old_stdout, 1);
  close(old_stdout);
  ASSERT_TRUE(started.ok());
  worker.WaitFor(2);
  usleep(20'000);  // Grandchildren; with too few of them it tests less.
  worker.process().KillTree();
  EXPECT_EQ(OwnWorker::Describe(worker.WaitForEnd()), "SIGKILL(-9)");
  char byte;
  EXPECT_EQ(read(pipe_ends[0], &byte, 1), 0);
  close(pipe_ends[0]);
}

TEST_P(ChildProcessTest, AHandleInAForkedChildOnlyCloses) {
  OwnWorker worker;
  ASSERT_TRUE(worker.Start(&WaitsToBeKilled).ok());
  worker.WaitFor(2);
  const pid_t forked = fork();
  if (forked == 0) {
    worker.process().Signal(SIGKILL);
    worker.process().KillTree();
    { const ChildProcess dropped = std::move(worker.process()); }
    _exit(0);
  }
  ASSERT_EQ(waitpid(forked, nullptr, 0), forked);
  usleep(20'000);  // For the signal that must not come.
  EXPECT_FALSE(worker.process().Poll().has_value());
  worker.process().Signal(SIGKILL);
  worker.WaitForEnd();
}

TEST_P(ChildProcessTest, WatchesAProcessThatWasForked) {
  const pid_t forked = fork();
  if (forked == 0) {
    for (;;) pause();
  }
  auto process = ChildProcess::Watch(forked);
  ASSERT_TRUE(process.ok());
  EXPECT_FALSE(process->Poll().has_value());
  process->Signal(SIGKILL);
  while (!process->Poll().has_value()) usleep(1000);
  EXPECT_EQ(ChildProcess::Describe(*process->Poll()), "SIGKILL(-9)");
  EXPECT_TRUE(absl::IsNotFound(ChildProcess::Watch(forked).status()));
}

TEST(ChildProcessWithoutPidfdTest, ANumberThatIsNoChildOfOursIsNotSignalled) {
  int pipe_ends[2];
  ASSERT_EQ(pipe2(pipe_ends, O_CLOEXEC), 0);
  const pid_t child = fork();
  if (child == 0) {
    const pid_t orphan = fork();
    if (orphan != 0) _exit(0);
    const pid_t self = getpid();
    if (write(pipe_ends[1], &self, sizeof self) != sizeof self) _exit(1);
    for (;;) pause();
  }
  ASSERT_EQ(waitpid(child, nullptr, 0), child);
  pid_t orphan = 0;
  ASSERT_EQ(read(pipe_ends[0], &orphan, sizeof orphan),
            static_cast<ssize_t>(sizeof orphan));
  close(pipe_ends[1]);
  ChildProcess::RefusePidfdForTest(true);
  auto process = ChildProcess::Watch(orphan);
  ChildProcess::RefusePidfdForTest(false);
  ASSERT_TRUE(process.ok());
  process->Signal(SIGKILL);
  // It holds the pipe as long as it lives.
  pollfd end = {.fd = pipe_ends[0], .events = 0, .revents = 0};
  EXPECT_EQ(poll(&end, 1, 20), 0) << "killed";
  kill(orphan, SIGKILL);
  EXPECT_EQ(poll(&end, 1, 20'000), 1);
  close(pipe_ends[0]);
}

TEST(ChildProcessStartTest, TheChildDiesWhenItsParentDoes) {
  // A thread is parent enough: PR_SET_PDEATHSIG follows it.
  OwnWorker worker;
  std::latch started(1);  // tsan does not see the join().
  std::thread([&] {
    ASSERT_TRUE(worker.Start(&WaitsToBeKilled).ok());
    worker.WaitFor(2);
    started.count_down();
  }).join();
  started.wait();
  EXPECT_EQ(OwnWorker::Describe(worker.WaitForEnd()), "SIGKILL(-9)");
}

TEST(ChildProcessStartTest, InheritsOnlyTheDescriptorsItIsGiven) {
  // None of these is close-on-exec.
  FILE* const pipe = popen("cat > /dev/null", "w");
  const int listening = socket(AF_INET, SOCK_STREAM, 0);
  listen(listening, 1);
  const std::string path = absl::StrCat(testing::TempDir(), "/locked");
  const int locked = open(path.c_str(), O_CREAT | O_RDWR, 0600);
  ASSERT_EQ(flock(locked, LOCK_EX), 0);
  const int high = fcntl(locked, F_DUPFD, 900);
  ASSERT_GE(high, 900);

  OwnWorker worker;
  ASSERT_TRUE(worker
                  .Start([](WorkerPage& page, const WorkerStart&) {
                    page.SetText(absl::StrJoin(OpenDescriptors(), " "));
                    Reach(page, 2);
                    for (;;) pause();
                  })
                  .ok());
  worker.WaitFor(2);
  const WorkerStart& start = worker.start();
  const std::set<int> expected = {0,          1, 2, start.channel, start.socket,
                                  start.bells};
  EXPECT_EQ(worker.page().text, absl::StrJoin(expected, " "));

  // The worker holds none of them open.
  close(high);
  close(locked);
  const int again = open(path.c_str(), O_RDWR | O_CLOEXEC);
  EXPECT_EQ(flock(again, LOCK_EX | LOCK_NB), 0);
  close(again);
  close(listening);
  EXPECT_EQ(pclose(pipe), 0);
  worker.process().Signal(SIGKILL);
  worker.WaitForEnd();
}

TEST(ChildProcessStartTest, SignalsHaveTheirDefaultsButForTwoIgnored) {
  const ScopedSignal hup(SIGHUP, SIG_IGN), pipe(SIGPIPE, SIG_IGN),
      usr1(SIGUSR1, SIG_IGN), term(SIGTERM, [](int) {}),
      realtime(SIGRTMIN + 3, SIG_IGN), interrupt(SIGINT, SIG_IGN);
  sigset_t blocked, before;
  sigfillset(&blocked);
  pthread_sigmask(SIG_BLOCK, &blocked, &before);
  OwnWorker worker;
  const absl::Status started =
      worker.Start([](WorkerPage& page, const WorkerStart&) {
        int i = 0;
        for (const int signal :
             {SIGHUP, SIGPIPE, SIGUSR1, SIGTERM, SIGRTMIN + 3, SIGINT}) {
          struct sigaction action = {};
          sigaction(signal, nullptr, &action);
          page.numbers[i++] = action.sa_handler == SIG_IGN;
        }
        sigset_t mask;
        pthread_sigmask(SIG_SETMASK, nullptr, &mask);
        for (int signal = 1; signal < NSIG; ++signal) {
          page.numbers[i] += sigismember(&mask, signal) == 1;
        }
      });
  sigset_t after;
  pthread_sigmask(SIG_SETMASK, &before, &after);
  ASSERT_TRUE(started.ok());
  EXPECT_EQ(OwnWorker::Describe(worker.WaitForEnd()), "EXIT(0)");
  const std::vector<std::int64_t> expected = {1, 1, 0, 0, 0, 0, 0};
  EXPECT_EQ(std::vector<std::int64_t>(worker.page().numbers,
                                      worker.page().numbers + 7),
            expected);
  EXPECT_EQ(sigismember(&after, SIGUSR2), 1) << "the caller's mask";
}

TEST(ChildProcessStartTest, HasTheSurroundingsOfTheSnapshot) {
  const std::string folder = absl::StrCat(testing::TempDir(), "/moved");
  mkdir(folder.c_str(), 0700);
  char before[4096];
  ASSERT_NE(getcwd(before, sizeof before), nullptr);
  const mode_t old_mask = umask(0151);
  setenv("OWN_WORKER_TEST", "then", 1);
  const int old_nice = getpriority(PRIO_PROCESS, 0);
  const Surroundings taken = Surroundings::Take();

  umask(old_mask);
  setenv("OWN_WORKER_TEST", "now", 1);
  ASSERT_EQ(chdir(folder.c_str()), 0);
  // By descriptor: the snapshot's folder may have been renamed.
  OwnWorker worker;
  const absl::Status started = worker.Start(
      [](WorkerPage& page, const WorkerStart&) {
        page.numbers[0] = umask(0);
        page.numbers[1] = getpriority(PRIO_PROCESS, 0);
        char folder[1024] = {};
        page.SetText(
            absl::StrCat(getcwd(folder, sizeof folder) == nullptr ? "" : folder,
                         " ", GetEnv("OWN_WORKER_TEST").value_or("")));
      },
      &taken);
  ASSERT_EQ(chdir(before), 0);
  ASSERT_TRUE(started.ok());
  worker.WaitForEnd();
  EXPECT_EQ(worker.page().numbers[0], 0151);
  EXPECT_EQ(worker.page().numbers[1], old_nice);
  EXPECT_EQ(worker.page().text, absl::StrCat(before, " then"));
}

TEST(ChildProcessStartTest, GoesFirstWhenMemoryRunsOut) {
  int ours = 0;
  std::ifstream("/proc/self/oom_score_adj") >> ours;
  OwnWorker worker;
  ASSERT_TRUE(worker
                  .Start([](WorkerPage& page, const WorkerStart&) {
                    int score = 0;
                    std::ifstream("/proc/self/oom_score_adj") >> score;
                    page.numbers[0] = score;
                  })
                  .ok());
  worker.WaitForEnd();
  EXPECT_EQ(worker.page().numbers[0], std::min(ours + 300, 1000));
  int still = 0;
  std::ifstream("/proc/self/oom_score_adj") >> still;
  EXPECT_EQ(still, ours);
}

TEST(ChildProcessStartTest, ReadsNothingFromStdinAndIsNamedAsTheProgram) {
  OwnWorker worker;
  ASSERT_TRUE(worker
                  .Start([](WorkerPage& page, const WorkerStart&) {
                    char byte;
                    page.numbers[0] = read(0, &byte, 1);
                    std::ifstream arguments("/proc/self/cmdline");
                    std::string all((std::istreambuf_iterator<char>(arguments)),
                                    {});
                    page.SetText(all.c_str());
                    page.numbers[1] = static_cast<std::int64_t>(
                        all.size() - std::string(all.c_str()).size());
                  })
                  .ok());
  worker.WaitForEnd();
  EXPECT_EQ(worker.page().numbers[0], 0);
  EXPECT_STREQ(worker.page().text, program_invocation_name);
  EXPECT_EQ(worker.page().numbers[1], 1) << "no further argument";
}

TEST(ChildProcessStartTest, AFailedExecSaysWhyAndLeavesNothing) {
  // An environment entry longer than the kernel takes.
  OwnWorker worker;
  const absl::Status status =
      worker.StartWith(&Ends, {absl::StrCat("A=", std::string(1 << 18, 'x'))});
  EXPECT_FALSE(status.ok());
  EXPECT_NE(std::string(status.message()).find("Argument list too long"),
            std::string::npos)
      << status;
  EXPECT_NE(std::string(status.message()).find("child_process_test"),
            std::string::npos)
      << status;
  EXPECT_EQ(waitpid(-1, nullptr, WNOHANG | __WALL), -1) << "a child is left";
}

TEST(ChildProcessStartTest, WithoutADescriptorLeftItIsResourceExhausted) {
  OwnWorker worker;
  const auto environment = worker.MakeEnvironment({});
  std::vector<int> taken;
  for (int fd; (fd = fcntl(2, F_DUPFD_CLOEXEC, 0)) >= 0;) taken.push_back(fd);
  const absl::Status status = worker.StartWith(&Ends, *environment);
  for (const int fd : taken) close(fd);
  EXPECT_TRUE(absl::IsResourceExhausted(status)) << status;
}

TEST(ChildProcessStartTest, StandardDescriptorsCannotBePassed) {
  EXPECT_TRUE(
      absl::IsInvalidArgument(ChildProcess::Start({.environment = {},
                                                   .surroundings = nullptr,
                                                   .descriptors = {2},
                                                   .socket = -1})
                                  .status()));
}

TEST(DescribeTest, NamesSignalsAndCodesAsJoblibDoes) {
  EXPECT_EQ(ChildProcess::Describe({.signal = SIGSEGV}), "SIGSEGV(-11)");
  EXPECT_EQ(ChildProcess::Describe({.code = 1}), "EXIT(1)");
  EXPECT_EQ(ChildProcess::Describe({.signal = SIGRTMIN + 1}),
            absl::StrCat("UNKNOWN(-", SIGRTMIN + 1, ")"));
}

}  // namespace
}  // namespace joblib::native
