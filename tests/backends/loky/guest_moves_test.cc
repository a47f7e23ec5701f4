// The library in programs that become another one, go to the background, give
// up their rights, stop for a while or change their environment: what they get,
// and that no worker is left. The test program is its own subject, run again.
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "joblib/joblib.h"
#include "tests/backends/loky/guest.h"
#include "tests/backends/process/children.h"
#include "tests/testing/eventually.h"
#include "tests/testing/shared_counters.h"

namespace joblib::testing {
namespace {

namespace fs = std::filesystem;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr uid_t kNobody = 65534;

// Its workers must not become those of what it turns into.
int BecomeAnother() {
  if (!CallWorks()) return 1;
  PrintWorkers();
  execl("/bin/true", "true", nullptr);
  return 2;
}

int GoToTheBackground() {
  if (!CallWorks()) return 1;
  PrintWorkers();
  // The former process ends by _exit; its workers are not this one's.
  if (daemon(/*nochdir=*/1, /*noclose=*/1) != 0) return 2;
  const bool works = CallWorks();
  PrintWorkers();
  shutdown();
  std::printf("%s\n", works ? "works" : "fails");
  std::fflush(stdout);
  return 0;
}

// From a place where everybody may start it.
int GiveUpRights() {
  const std::string here = fs::read_symlink("/proc/self/exe");
  std::string folder = "/tmp/joblib-guest-XXXXXX";
  if (mkdtemp(folder.data()) == nullptr) return 1;
  const std::string there = folder + "/guest";
  fs::permissions(folder, fs::perms(0755));
  fs::copy_file(here, there);
  fs::permissions(there, fs::perms(0755));
  std::printf("remove %s\n", folder.c_str());
  std::fflush(stdout);
  execl(there.c_str(), there.c_str(), "--setuid-there", nullptr);
  return 2;
}

int GiveUpRightsThere() {
  int code = 0;
  if (!CallWorks()) code = 1;
  if (setgid(kNobody) != 0 || setuid(kNobody) != 0) code = 2;
  // Root's workers, which nobody may not kill; the next ones are nobody's.
  if (code == 0 && !CallWorks()) code = 3;
  if (code == 0 && !CrashIsAnError()) code = 4;
  if (code == 0 && !CallWorks()) code = 5;
  PrintWorkers();
  std::fflush(stdout);
  // Without a word to its workers: not even the system tells those of root.
  if (code == 0) raise(SIGKILL);
  return code;
}

// Stopped as by Ctrl-Z, with all that it started, and continued.
int StopForAWhile() {
  if (setpgid(0, 0) != 0) return 1;
  const pid_t shell = fork();
  if (shell == 0) {
    const pid_t program = getppid();
    setpgid(0, 0);
    for (int i = 0; i < 5; ++i) {
      kill(-program, SIGSTOP);
      if (!Eventually([&] { return StateOf(program).state == 'T'; })) _exit(1);
      kill(-program, SIGCONT);
    }
    _exit(0);
  }
  int status = -1;
  pid_t ended = 0;
  while (ended == 0) {
    if (SumOfCall() != kGuestSum) return 2;
    ended = waitpid(shell, &status, WNOHANG);
  }
  if (ended != shell || status != 0) return 3;
  PrintWorkers();
  return 0;
}

// Workers start again and again while another thread moves `environ`.
int ChangeTheEnvironment() {
  const auto begun = SharedCounters::Zeros();
  std::atomic<bool> over{false};
  std::thread changer([&] {
    if (!begun.AwaitAtLeast(0, 1)) return;  // The call has read what it needs.
    for (int i = 0; !over.load(); ++i) {
      setenv(("GUEST_" + std::to_string(i % 500)).c_str(), "value", 1);
    }
  });
  const auto outcomes =
      Parallel({.n_jobs = kGuestWorkers}).collect(each(range(60), [&](int i) {
        return delayed([](const SharedCounters& begun, int n) {
          begun.Add();
          if (n % 3 == 0) raise(SIGKILL);
        })(begun, i);
      }));
  over.store(true);
  changer.join();
  const auto n_dead =
      std::count_if(outcomes.begin(), outcomes.end(),
                    [](const auto& outcome) { return !outcome.has_value(); });
  return n_dead == 20 && CallWorks() ? 0 : 1;
}

// The thread that called ends; the generator lives on.
int ReadInAnotherThread() {
  std::optional<Generator<int>> results;
  std::thread([&] {
    results.emplace(Parallel({.n_jobs = kGuestWorkers})
                        .generator(each(range(200), [](int i) {
                          return delayed([](int n) { return 2 * n; })(i);
                        })));
    if (*results->begin() != 0) std::abort();
  }).join();
  int sum = 0;
  for (const int value : *results) sum += value;
  if (sum != 200 * 199) return 1;
  PrintWorkers();
  return 0;
}

TEST(GuestMovesTest, MayBecomeAnotherProgram) {
  EXPECT_THAT(WorkersIn(RunGuest("--exec")), Not(IsEmpty()));
}
TEST(GuestMovesTest, MayGoToTheBackground) {
  EXPECT_THAT(RunGuest("--daemon"), ::testing::HasSubstr("works\n"));
}
TEST(GuestMovesTest, MayGiveUpRights) {
  if (getuid() != 0) GTEST_SKIP() << "has none to give up";
  const ProgramEnd end = RunSelf("--setuid");
  const std::string& output = end.output;
  EXPECT_EQ(end.exit_code, -1) << output;
  EXPECT_EQ(end.signal, SIGKILL) << output;
  EXPECT_TRUE(AllGone(WorkersIn(output))) << output;
  const std::size_t at = output.find("remove /tmp/joblib-guest-");
  ASSERT_NE(at, std::string::npos) << output;
  const std::size_t begin = output.find('/', at);
  fs::remove_all(output.substr(begin, output.find('\n', at) - begin));
}
TEST(GuestMovesTest, MayBeStopped) { RunGuest("--stop"); }
TEST(GuestMovesTest, MayChangeItsEnvironment) { RunGuest("--setenv"); }
TEST(GuestMovesTest, MayReadInAnotherThread) { RunGuest("--read-elsewhere"); }

}  // namespace
}  // namespace joblib::testing

int main(int argc, char** argv) {
  using namespace joblib::testing;
  return RunGuestsOrTests(argc, argv,
                          {{"--exec", BecomeAnother},
                           {"--daemon", GoToTheBackground},
                           {"--setuid", GiveUpRights},
                           {"--setuid-there", GiveUpRightsThere},
                           {"--stop", StopForAWhile},
                           {"--setenv", ChangeTheEnvironment},
                           {"--read-elsewhere", ReadInAnotherThread}});
}
