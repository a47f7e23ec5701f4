// The library as a guest in programs that wait for any child, ignore signals or
// close descriptors: what they get, how many processes there are, and that they
// end. The test program is its own subject, run again.
#include "tests/backends/loky/guest.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <map>
#include <string_view>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "joblib/joblib.h"

namespace joblib::testing {
namespace {

// ---- Signals and waiting ----

int WaitForAnyChild() {
  std::atomic<bool> over{false};
  std::thread waiter([&] {
    while (!over.load()) {
      int status;
      if (waitpid(-1, &status, 0) < 0) usleep(100);
    }
  });
  int code = 0;
  for (int round = 0; round < 5 && code == 0; ++round) {
    if (!CallWorks()) code = 1;
    if (!CrashIsAnError()) code = 2;
  }
  PrintWorkers();
  over.store(true);
  shutdown();
  waiter.join();
  return code;
}

int IgnoreChildren() {
  signal(SIGCHLD, SIG_IGN);
  for (int round = 0; round < 5; ++round) {
    if (!CallWorks()) return 1;
    if (!CrashIsAnError()) return 2;
  }
  PrintWorkers();
  return signal(SIGCHLD, SIG_DFL) == SIG_IGN ? 0 : 3;
}

int LeaveSignalsAlone() {
  std::map<int, void (*)(int)> before;
  const auto handler = [](int signal) {
    struct sigaction action = {};
    sigaction(signal, nullptr, &action);
    return action.sa_handler;
  };
  for (int i = 1; i < SIGRTMAX; ++i) before[i] = handler(i);
  sigset_t mask_before;
  sigprocmask(SIG_SETMASK, nullptr, &mask_before);
  if (!CallWorks() || !CrashIsAnError()) return 1;
  sigset_t mask;
  sigprocmask(SIG_SETMASK, nullptr, &mask);
  for (int i = 1; i < SIGRTMAX; ++i) {
    if (before[i] != handler(i)) return 2;
    if (sigismember(&mask, i) != sigismember(&mask_before, i)) return 3;
  }
  return 0;
}

// ---- Descriptors ----

std::vector<int> Descriptors() {
  std::vector<int> all;
  for (const auto& entry :
       std::filesystem::directory_iterator("/proc/self/fd")) {
    all.push_back(std::atoi(entry.path().filename().c_str()));
  }
  return all;
}

int CloseTheFirstThree() {
  for (int fd = 0; fd < 3; ++fd) close(fd);
  if (!CallWorks()) return 1;
  if (!CrashIsAnError()) return 2;
  if (!CallWorks()) return 3;
  // None of ours took their places: what writes to stdout would harm it.
  for (int fd = 0; fd < 3; ++fd) {
    if (fcntl(fd, F_GETFD) >= 0) return 4;
  }
  return 0;
}

int LeaveNoDescriptorToPrograms() {
  const std::vector<int> before = Descriptors();
  if (!CallWorks()) return 1;
  for (const int fd : Descriptors()) {
    if (std::count(before.begin(), before.end(), fd) != 0) continue;
    const int flags = fcntl(fd, F_GETFD);
    if (flags >= 0 && (flags & FD_CLOEXEC) == 0) return 2;
  }
  return 0;
}

TEST(GuestTest, MayWaitForAnyChild) { RunGuest("--wait-for-any"); }
TEST(GuestTest, MayIgnoreItsChildren) { RunGuest("--ignore-children"); }
TEST(GuestTest, KeepsItsSignals) { RunGuest("--signals"); }
TEST(GuestTest, MayCloseTheFirstThree) { RunGuest("--close-first"); }
TEST(GuestTest, IsLeftNoDescriptorsAtExec) { RunGuest("--cloexec"); }

}  // namespace
}  // namespace joblib::testing

int main(int argc, char** argv) {
  using namespace joblib::testing;
  return RunGuestsOrTests(argc, argv,
                          {{"--wait-for-any", WaitForAnyChild},
                           {"--ignore-children", IgnoreChildren},
                           {"--signals", LeaveSignalsAlone},
                           {"--close-first", CloseTheFirstThree},
                           {"--cloexec", LeaveNoDescriptorToPrograms}});
}
