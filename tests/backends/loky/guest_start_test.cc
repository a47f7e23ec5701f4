// Worker processes that never come to serve a task: a call says so, with all
// that helps to find out why, and starts no more of them. The test program is
// its own subject, run again.
#include <unistd.h>

#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "joblib/joblib.h"
#include "native/main_hook.h"
#include "tests/backends/loky/guest.h"
#include "tests/backends/process/children.h"
#include "tests/testing/run_self.h"

namespace joblib::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

bool GuestIs(std::string_view what) {
  const char* const guest = std::getenv("GUEST");
  return guest != nullptr && guest == what;
}

struct Global {
  Global() {
    if (!native::IsWorker()) return;
    if (GuestIs("dies")) _exit(5);
    if (GuestIs("hangs")) {
      for (;;) pause();
    }
    if (GuestIs("is-slow")) usleep(300'000);
  }
} global;

bool CallFails(Parallel parallel) {
  try {
    parallel.map([](int n) { return 2 * n; }, range(kGuestTasks));
    return false;
  } catch (const TerminatedWorkerError& error) {
    std::printf("error: %s\n", error.what());
    return true;
  }
}

// Twice: nothing is left that would make the second call wait.
int CallTwice() {
  for (int i = 0; i < 2; ++i) {
    if (!CallFails(Parallel({.n_jobs = kGuestWorkers}))) return 1;
  }
  shutdown();  // Those that take the places of the dead.
  return Children().empty() ? 0 : 2;
}

int CallWithDeadlyInitializer() {
  const auto die = [] { _exit(6); };
  return CallFails(
             Parallel({.n_jobs = kGuestWorkers,
                       .backend_params = {{"initializer", delayed(+die)()}}}))
             ? 0
             : 1;
}

int Call() { return CallWorks() ? 0 : 1; }

std::size_t CountOf(const std::string& what, const std::string& text) {
  std::size_t n = 0;
  for (std::size_t at = text.find(what); at != std::string::npos;
       at = text.find(what, at + 1)) {
    ++n;
  }
  return n;
}

std::string OutputOf(const std::string& program,
                     const std::string& environment) {
  const ProgramEnd end = RunSelf(program, "env JOBLIB_LOG=1 " + environment);
  EXPECT_EQ(end.exit_code, 0) << end.output;
  return end.output;
}

std::string OurPath() {
  return std::filesystem::read_symlink("/proc/self/exe");
}

TEST(GuestStartTest, AConstructorThatEndsTheWorkerFailsTheCall) {
  const std::string output = OutputOf("--twice", "GUEST=dies");
  EXPECT_THAT(
      output,
      AllOf(HasSubstr("error: A worker process ended before it could serve"),
            HasSubstr("EXIT(5)"), HasSubstr(OurPath()),
            HasSubstr("static constructors run again in each worker; main() "
                      "does not")));
  EXPECT_LE(CountOf("starts worker process", output), 4 * kGuestWorkers);
}

TEST(GuestStartTest, AConstructorThatHangsIsToldAndThenFailsTheCall) {
  const std::string output =
      OutputOf("--twice", "GUEST=hangs JOBLIB_WORKER_START_TIMEOUT=0.9");
  EXPECT_THAT(output,
              AllOf(HasSubstr("UserWarning: Worker process "),
                    HasSubstr(" is not ready to serve a task yet"),
                    HasSubstr(" was not ready to serve a task in 0.9 s"),
                    HasSubstr(OurPath()),
                    HasSubstr("static constructors run again in each worker; "
                              "main() does not")));
  EXPECT_LT(output.find("UserWarning"), output.find("error: "));
  EXPECT_LE(CountOf("starts worker process", output), 4 * kGuestWorkers);
}

TEST(GuestStartTest, OneThatIsSlowServesInItsTime) {
  EXPECT_THAT(
      OutputOf("--once", "GUEST=is-slow JOBLIB_WORKER_START_TIMEOUT=60"),
      ::testing::Not(HasSubstr("is not ready")));
  EXPECT_THAT(OutputOf("--once", "GUEST=is-slow JOBLIB_WORKER_START_TIMEOUT=0"),
              ::testing::Not(HasSubstr("is not ready")));
  EXPECT_THAT(
      OutputOf("--once", "GUEST=is-slow JOBLIB_WORKER_START_TIMEOUT=1e-3x"),
      HasSubstr("is no number of seconds"));
}

// They are ready, and die before any task: to start more leads nowhere.
TEST(GuestStartTest, AnInitializerThatEndsTheWorkerFailsTheCall) {
  const std::string output = OutputOf("--initializer", "");
  EXPECT_THAT(output, AllOf(HasSubstr("No task was running on it"),
                            HasSubstr("EXIT(6)")));
  EXPECT_LE(CountOf("starts worker process", output), 3 * kGuestWorkers);
}

}  // namespace
}  // namespace joblib::testing

int main(int argc, char** argv) {
  using namespace joblib::testing;
  return RunGuestsOrTests(argc, argv,
                          {{"--twice", CallTwice},
                           {"--once", Call},
                           {"--initializer", CallWithDeadlyInitializer}});
}
