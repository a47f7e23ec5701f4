// The library in programs that call it before main, after main and in the child
// of a fork(): what they get, how many processes there are, and that they end.
// The test program is its own subject, run again.
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <functional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "joblib/joblib.h"
#include "tests/backends/loky/guest.h"
#include "tests/backends/process/children.h"

namespace joblib::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// ---- Static constructors ----

// These run in workers, too: the variable is the program's and theirs.
bool GuestIs(std::string_view what) {
  const char* const guest = std::getenv("GUEST");
  return guest != nullptr && guest == what;
}
int sum_of_constructor = -1;
std::size_t children_of_constructor = 0;
std::thread thread_of_constructor;

struct Global {
  Global() {
    if (GuestIs("constructor")) {
      sum_of_constructor = SumOfCall();
      children_of_constructor = Children().size();
    } else if (GuestIs("thread")) {
      thread_of_constructor =
          std::thread([] { sum_of_constructor = SumOfCall(); });
    }
  }
  ~Global() {
    if (thread_of_constructor.joinable()) thread_of_constructor.join();
  }
} global;

int CallInConstructor() {
  if (sum_of_constructor != kGuestSum || children_of_constructor != 0) return 1;
  if (!CallWorks()) return 2;
  PrintWorkers();
  return 0;
}

int CallInThreadOfConstructor() {
  const bool works = SumOfCall() == kGuestSum;
  thread_of_constructor.join();
  if (sum_of_constructor != kGuestSum) return 1;
  if (!works || !CallWorks()) return 2;
  PrintWorkers();
  return 0;
}

// ---- The end ----

int CallAtExit() {
  if (!CallWorks()) return 1;
  PrintWorkers();
  std::atexit([] {
    // May be refused, with words; never wrong, never a hang.
    try {
      std::printf("at exit: %s\n",
                  SumOfCall() == kGuestSum ? "right" : "wrong");
    } catch (const std::exception& error) {
      std::printf("at exit: refused: %s\n", error.what());
    }
    PrintWorkers();
  });
  return 0;
}

// ---- fork() ----

int ForkAndCall() {
  if (!CallWorks()) return 1;
  std::vector<std::int64_t> workers = Children();
  const pid_t child = fork();
  if (child == 0) {
    const bool works = CallWorks();
    for (const std::int64_t pid : Children()) {
      if (std::count(workers.begin(), workers.end(), pid) != 0) _exit(2);
    }
    PrintWorkers();
    _exit(works ? 0 : 1);
  }
  int status = -1;
  if (waitpid(child, &status, 0) != child || status != 0) return 2;
  std::vector<std::int64_t> now = Children();
  std::sort(now.begin(), now.end());
  std::sort(workers.begin(), workers.end());
  if (now != workers) return 3;
  if (!CallWorks()) return 4;
  PrintWorkers();
  return 0;
}

// What the child of a half-read generator's process does with it.
int DropOrRead(Generator<int> values, bool reads) {
  alarm(60);  // Its end if it hangs.
  if (reads) {
    try {
      for (const int value : values) static_cast<void>(value);
      return 1;
    } catch (const std::runtime_error& error) {
      if (std::string_view(error.what()).find("before a fork()") ==
          std::string_view::npos) {
        return 2;
      }
    }
  }
  values = Generator<int>(nullptr);
  return CallWorks() ? 0 : 3;
}

int ForkAmidAGenerator() {
  for (const char* const backend : {"loky", "threading"}) {
    Parallel parallel({.n_jobs = 2, .backend = backend});
    Generator<int> values = parallel.generator(
        each(range(100), [](int i) { return delayed(std::negate<int>())(i); }));
    auto value = values.begin();
    for (const bool reads : {false, true}) {
      const pid_t child = fork();
      if (child == 0) _exit(DropOrRead(std::move(values), reads));
      int status = -1;
      if (waitpid(child, &status, 0) != child || status != 0) {
        std::printf("%s, %d: status %x\n", backend, reads, status);
        return 1;
      }
    }
    int sum = 0;
    for (; value != values.end(); ++value) sum += *value;
    if (sum != -4950) return 2;
  }
  PrintWorkers();
  return 0;
}

// Whatever lock another thread holds at that moment.
int ForkWhileOthersCall() {
  // Abseil's own check, in debug builds alone, has a lock that no child frees.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  if (!CallWorks()) return 2;  // Statics are made at the first call.
  std::atomic<bool> over{false};
  std::vector<std::thread> callers;
  for (int i = 0; i < 2; ++i) {
    callers.emplace_back([&over, i] {
      for (int n = 0; !over.load(); ++n) {
        // Workers of other settings now and then: a new pool.
        Parallel parallel({.n_jobs = 1 + (n + i) % 3,
                           .backend = "loky",
                           .inner_max_num_threads = 1 + n % 50 / 25});
        parallel(
            each(range(3), [](int k) { return delayed(std::negate<>())(k); }));
      }
    });
  }
  int result = 0;
  for (int i = 0; i < 20 && result == 0; ++i) {
    const pid_t child = fork();
    if (child == 0) {
      alarm(60);  // Its end if it hangs.
      _exit(CallWorks() ? 0 : 1);
    }
    int status = -1;
    if (waitpid(child, &status, 0) != child || status != 0) result = 1;
  }
  over.store(true);
  for (std::thread& caller : callers) caller.join();
  PrintWorkers();
  return result;
}

TEST(GuestLifeTest, CallInAConstructorIsSequential) {
  EXPECT_THAT(RunGuest("--constructor", "constructor"),
              HasSubstr("static constructors run again in each worker"));
}
TEST(GuestLifeTest, CallInAThreadOfAConstructorEnds) {
  RunGuest("--thread", "thread");
}
TEST(GuestLifeTest, CallAtExitEnds) {
  const std::string output = RunGuest("--at-exit");
  EXPECT_THAT(output, HasSubstr("at exit: "));
  EXPECT_THAT(output, Not(HasSubstr("wrong")));
}
TEST(GuestLifeTest, CallInAForkedChildHasItsOwnWorkers) { RunGuest("--fork"); }
TEST(GuestLifeTest, AGeneratorIsReadByTheProcessThatMadeItAlone) {
  RunGuest("--fork-generator");
}
TEST(GuestLifeTest, CallInAChildForkedDuringOtherCallsWorks) {
#if defined(__SANITIZE_ADDRESS__)
  GTEST_SKIP() << "its allocator does not take its own locks over a fork()";
#endif
  RunGuest("--fork-often");
}

}  // namespace
}  // namespace joblib::testing

int main(int argc, char** argv) {
  using namespace joblib::testing;
  return RunGuestsOrTests(argc, argv,
                          {{"--constructor", CallInConstructor},
                           {"--thread", CallInThreadOfConstructor},
                           {"--at-exit", CallAtExit},
                           {"--fork", ForkAndCall},
                           {"--fork-generator", ForkAmidAGenerator},
                           {"--fork-often", ForkWhileOthersCall}});
}
