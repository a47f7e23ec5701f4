// Helps for those who look for a fault: JOBLIB_LOG, JOBLIB_WATCHDOG, and
// workers that wait for a debugger.
#include <sys/ptrace.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "joblib/joblib.h"
#include "tests/backends/loky/guest.h"
#include "tests/backends/process/children.h"
#include "tests/testing/eventually.h"
#include "tests/testing/run_self.h"
#include "tests/testing/scoped_env.h"
#include "tests/testing/shared_counters.h"

namespace joblib::testing {
namespace {

using ::testing::ContainsRegex;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;

// A pool, one crash, another size, another pool, the end of all.
int DoALot() {
  const bool is_good = CallWorks() && CrashIsAnError() && CallWorks();
  Parallel({.n_jobs = 3}).map([](int n) { return n; }, range(3));
  const parallel_config other({.backend = "loky", .inner_max_num_threads = 1});
  Parallel({.n_jobs = 2}).map([](int n) { return n; }, range(3));
  shutdown();
  std::puts(is_good ? "good" : "bad");
  return 0;
}

TEST(LogTest, TellsWhatThePoolDecides) {
  const ProgramEnd end = RunSelf("--a-lot", "env JOBLIB_LOG=1");
  EXPECT_EQ(end.exit_code, 0);
  EXPECT_THAT(end.output, HasSubstr("good"));
  for (const char* said :
       {"makes a pool of 2 worker processes", "starts worker process ",
        " has ended: SIGSEGV(-11)", "resizes the pool from 2 to 3 worker",
        "gives up the pool of 2", "lets worker process ",
        " has ended: EXIT(0)"}) {
    EXPECT_THAT(end.output, HasSubstr(said));
  }
  EXPECT_THAT(
      end.output,
      MatchesRegex("joblib\\[[0-9]+\\] 0\\.[0-9]+ s: makes a pool of(.|\n)*"));
}

TEST(LogTest, SaysNothingUnasked) {
  EXPECT_EQ(RunSelf("--a-lot").output, "good\n");
  EXPECT_EQ(RunSelf("--a-lot", "env JOBLIB_LOG=0").output, "good\n");
}

std::string TextOf(const std::string& path) {
  std::ifstream in(path);
  return {std::istreambuf_iterator<char>(in), {}};
}

// Ends once the watchdog has spoken, in the file that stderr is.
bool StayUntilSaid(const std::string& path) {
  return Eventually([&] {
    return TextOf(path).find("no worker process has moved") !=
           std::string::npos;
  });
}

int GetStuck(const std::string& path) {
  if (std::freopen(path.c_str(), "w", stderr) == nullptr) return 1;
  const auto heard = Parallel({.n_jobs = 2, .batch_size = 1})(
      std::vector{delayed(StayUntilSaid)(path)});
  std::puts(heard[0] ? "heard" : "not heard");
  return 0;
}

TEST(WatchdogTest, TellsWhatEachWorkerIsAt) {
  const std::string path = ::testing::TempDir() + "/watchdog.txt";
  const ProgramEnd end = RunSelf("--stuck " + path, "env JOBLIB_WATCHDOG=0.2");
  EXPECT_EQ(end.output, "heard\n");
  EXPECT_THAT(TextOf(path),
              ContainsRegex("joblib\\[[0-9]+\\] [0-9.]+ s: no worker process "
                            "has moved for [0-9]+ s:\n"
                            "  [0-9]+: [^\n]*\n"
                            "  [0-9]+: [^\n]*\n"));
  EXPECT_THAT(TextOf(path), ContainsRegex("has been at request [0-9]+ since"));
}

TEST(WatchdogTest, RefusesWhatIsNoNumberOfSeconds) {
  for (const char* value : {"soon", "-1", "nan", "1e9"}) {
    const ProgramEnd end =
        RunSelf("--a-lot", std::string("env JOBLIB_WATCHDOG=") + value);
    EXPECT_EQ(end.exit_code, 0);
    EXPECT_THAT(end.output, HasSubstr(std::string("JOBLIB_WATCHDOG=") + value +
                                      " is no number of seconds"));
  }
}

bool MeetTheOther(const SharedCounters& begun) {
  begun.Add();
  return begun.AwaitAtLeast(0, 2);
}

TEST(WaitForDebuggerTest, WorkersServeOnceOneIsAttached) {
  const ScopedEnv wait("JOBLIB_WORKER_WAIT_FOR_DEBUGGER", "1");
  const auto begun = SharedCounters::Zeros();
  std::vector<bool> met;
  ::testing::internal::CaptureStderr();
  std::thread caller([&] {
    met = Parallel({.n_jobs = 2, .batch_size = 1})(
        each(range(2), [&](int) { return delayed(MeetTheOther)(begun); }));
  });
  EXPECT_TRUE(Eventually([] { return Children().size() == 2; }));
  for (const std::int64_t child : Children()) {
    const auto pid = static_cast<pid_t>(child);
    // As soon as it is the program: until then it is somebody else's memory.
    EXPECT_TRUE(Eventually([&] {
      return ptrace(PTRACE_SEIZE, pid, nullptr, nullptr) == 0;
    })) << std::strerror(errno);
  }
  caller.join();
  const std::string said = ::testing::internal::GetCapturedStderr();
  EXPECT_THAT(met, ElementsAre(true, true));
  for (const std::int64_t child : Children()) {
    EXPECT_THAT(
        said,
        HasSubstr("joblib: worker process " + std::to_string(child) +
                  " waits for a debugger: gdb -p " + std::to_string(child)));
  }
  shutdown();
  EXPECT_TRUE(Eventually([] { return Children().empty(); }));
}

}  // namespace
}  // namespace joblib::testing

int main(int argc, char** argv) {
  if (argc > 1 && std::string_view(argv[1]) == "--a-lot") {
    return joblib::testing::DoALot();
  }
  if (argc > 2 && std::string_view(argv[1]) == "--stuck") {
    return joblib::testing::GetStuck(argv[2]);
  }
  ::testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
