// The library where the system has little left to give: fewer workers, or an
// error that says of what there is too little. The test program is its own
// subject, run again with the limits of an ordinary user.
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <numeric>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "joblib/joblib.h"
#include "tests/backends/loky/guest.h"
#include "tests/backends/process/children.h"
#include "tests/testing/eventually.h"

namespace joblib::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr rlim_t kMiB = 1 << 20;
constexpr rlim_t kGiB = 1 << 30;
constexpr uid_t kNobody = 65534;

bool Limit(int what, rlim_t to) {
  rlimit limit = {};
  if (getrlimit(what, &limit) != 0) return false;
  limit.rlim_cur = to;
  return setrlimit(what, &limit) == 0;
}

int Twice(int n) { return 2 * n; }
int SumWith(int n_jobs) {
  const std::vector<int> results =
      Parallel({.n_jobs = n_jobs}).map(Twice, range(kGuestTasks));
  return std::accumulate(results.begin(), results.end(), 0);
}

// Prints the sum, or the error, and the number of workers, `expected` at least.
int PrintSumWith(int n_jobs, std::size_t expected) {
  try {
    std::printf("sum %d\n", SumWith(n_jobs));
  } catch (const std::exception& error) {
    std::printf("error %s\n", error.what());
  }
  Eventually([&] { return Children().size() >= expected; });
  std::printf("%zu workers\n", Children().size());
  PrintWorkers();
  return 0;
}

int FewDescriptors() {
  return Limit(RLIMIT_NOFILE, 60) ? PrintSumWith(40, 8) : 1;
}
// As many descriptors as are usual, and more workers than they are enough for.
int ManyWorkers() {
  if (getuid() == 0 && (setgid(kNobody) != 0 ||
                        setuid(static_cast<uid_t>(100000 + getpid())) != 0)) {
    return 1;
  }
  return Limit(RLIMIT_NOFILE, 1024) ? PrintSumWith(600, 100) : 2;
}
int NoDescriptors() {
  return Limit(RLIMIT_NOFILE, 12) ? PrintSumWith(2, 0) : 1;
}
int LittleAddressSpace() {
  return Limit(RLIMIT_AS, kGiB) ? PrintSumWith(2, 2) : 1;
}
// 0, 1 or 3 workers of 4 beside this program and its keeper.
int FewProcesses(rlim_t n) {
  // A user of its own: no other process counts.
  const auto user = static_cast<uid_t>(100000 + getpid());
  if (setgid(kNobody) != 0 || setuid(user) != 0) return 1;
  return Limit(RLIMIT_NPROC, 2 + n) ? PrintSumWith(4, n) : 2;
}
int NoProcess() { return FewProcesses(0); }
int OneProcess() { return FewProcesses(1); }
int ThreeProcesses() { return FewProcesses(3); }

// The endless recursion of a task is to end soon, not with all memory.
int Recurse(volatile int* depth) {
  volatile char page[65536];
  for (std::size_t i = 0; i < sizeof page; i += 4096) page[i] = 1;
  *depth = *depth + 1;
  return *depth < 0 ? 0 : Recurse(depth) + page[0];
}
int EndlessStack() {
  if (!Limit(RLIMIT_STACK, RLIM_INFINITY)) return 1;
  // What the machine would do about it otherwise.
  const auto outcomes = Parallel({.n_jobs = 2}).collect(each(range(4), [](int) {
    return delayed([] {
      Limit(RLIMIT_AS, 64 * kGiB);
      volatile int depth = 1;
      return Recurse(&depth);
    })();
  }));
  for (const auto& outcome : outcomes) {
    if (outcome.has_value()) return 2;
    std::printf("%s\n", outcome.message().c_str());
  }
  rlimit limit = {};
  getrlimit(RLIMIT_STACK, &limit);
  return limit.rlim_cur == RLIM_INFINITY && CallWorks() ? 0 : 3;
}
// As a worker sees it.
rlim_t StackLimit(int) {
  rlimit limit = {};
  getrlimit(RLIMIT_STACK, &limit);
  return limit.rlim_cur;
}
int StacksOfWorkers() {
  if (!Limit(RLIMIT_STACK, RLIM_INFINITY)) return 1;
  for (const rlim_t limit : Parallel({.n_jobs = 2}).map(StackLimit, range(4))) {
    if (limit == RLIM_INFINITY) return 2;
  }
  return 0;
}

// kB, of this process.
std::int64_t LockedMemory() {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;) {
    std::int64_t n = 0;
    if (word == "VmLck:" && status >> n) return n;
  }
  return -1;
}
int LockedInMemory() {
  if (mlockall(MCL_CURRENT | MCL_FUTURE) != 0) return 77;
  if (!CallWorks() || !CrashIsAnError()) return 1;
  const std::int64_t locked = LockedMemory();
  std::printf("%lld kB locked\n", static_cast<long long>(locked));
  PrintWorkers();
  // The rings are some MiB, the arenas behind them many GiB.
  return locked < static_cast<std::int64_t>(kGiB / 1024) ? 0 : 2;
}

const std::string kRight = "sum " + std::to_string(kGuestSum) + "\n";

TEST(LimitsTest, FewDescriptorsAreFewWorkers) {
  const std::string output = RunGuest("--few-descriptors");
  EXPECT_THAT(output, HasSubstr(kRight));
  const std::size_t n = WorkersIn(output).size();
  EXPECT_GE(n, 8U);
  EXPECT_LT(n, 40U);
}
TEST(LimitsTest, MoreWorkersThanDescriptorsAreFewer) {
#if defined(__SANITIZE_ADDRESS__)
  GTEST_SKIP() << "hundreds of processes with its shadow memory";
#endif
  const std::string output = RunGuest("--many-workers");
  EXPECT_THAT(output, HasSubstr(kRight));
  const std::size_t n = WorkersIn(output).size();
  EXPECT_GE(n, 100U);
  EXPECT_LT(n, 600U);
}
TEST(LimitsTest, NoDescriptorIsAnError) {
  EXPECT_THAT(RunGuest("--no-descriptors"),
              AllOf(HasSubstr("error "), HasSubstr("Too many open files"),
                    HasSubstr("ulimit -n"), HasSubstr("0 workers")));
}
TEST(LimitsTest, LittleAddressSpaceIsEnough) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "sanitizers reserve terabytes";
#endif
  EXPECT_THAT(RunGuest("--little-address-space"),
              AllOf(HasSubstr(kRight), HasSubstr("2 workers")));
}
TEST(LimitsTest, NoProcessIsAnError) {
#if defined(__SANITIZE_ADDRESS__)
  GTEST_SKIP() << "the leak checker needs a process of its own";
#endif
  if (getuid() != 0) GTEST_SKIP() << "can't become a user of its own";
  EXPECT_THAT(RunGuest("--no-process"),
              AllOf(HasSubstr("error "), HasSubstr("could not start a worker"),
                    HasSubstr("ulimit -u"), HasSubstr("0 workers")));
}
TEST(LimitsTest, FewProcessesAreFewWorkers) {
  if (getuid() != 0) GTEST_SKIP() << "can't become a user of its own";
  EXPECT_THAT(RunGuest("--one-process"),
              AllOf(HasSubstr(kRight), HasSubstr("1 workers")));
  EXPECT_THAT(RunGuest("--three-processes"),
              AllOf(HasSubstr(kRight), HasSubstr("3 workers")));
}
TEST(LimitsTest, WorkersHaveNoEndlessStack) {
  RunGuest("--stacks");
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "sanitizers reserve terabytes";
#endif
  EXPECT_THAT(RunGuest("--endless-stack"), HasSubstr("SIGSEGV"));
}
TEST(LimitsTest, ChannelsAreNotLockedInMemory) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "sanitizers reserve terabytes";
#endif
  RunGuest("--locked");
}

}  // namespace
}  // namespace joblib::testing

int main(int argc, char** argv) {
  using namespace joblib::testing;
  return RunGuestsOrTests(argc, argv,
                          {{"--few-descriptors", FewDescriptors},
                           {"--many-workers", ManyWorkers},
                           {"--no-descriptors", NoDescriptors},
                           {"--little-address-space", LittleAddressSpace},
                           {"--no-process", NoProcess},
                           {"--one-process", OneProcess},
                           {"--three-processes", ThreeProcesses},
                           {"--stacks", StacksOfWorkers},
                           {"--endless-stack", EndlessStack},
                           {"--locked", LockedInMemory}});
}
