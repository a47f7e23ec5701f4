// HAZARDS.md T9: the end of a program, and of a library that was loaded into
// one. Whole programs: this one, run again with a word that says what to do.
#include <dlfcn.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <thread>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "joblib/joblib.h"
#include "tests/testing/gates.h"
#include "tests/testing/left_open.h"
#include "tests/testing/run_self.h"

namespace joblib {
namespace {

using testing::Gate;
using testing::ProgramEnd;
using testing::RunSelf;

int Sum(Parallel parallel) {
  int sum = 0;
  for (const int r : parallel(each(range(100), [](int i) {
         return delayed([](int n) { return n; })(i);
       }))) {
    sum += r;
  }
  return sum;
}

// ------------------------------------------------- what the programs do

// Returns from main while two abandoned tasks hang.
int Abandon() {
  auto* const never = new Gate;
  try {
    Parallel({.n_jobs = 2, .backend = "threading", .timeout = 0.05})(
        each(range(2), [never](int) {
          return delayed([never] { never->Wait(std::chrono::hours(1)); })();
        }));
  } catch (const TimeoutError&) {
    std::puts("timeout");
  }
  return 7;
}

// Returns from main while another thread is in the middle of a call.
int ReturnDuringACall() {
  auto* const running = new Gate;
  std::thread([running] {
    Parallel({.n_jobs = 2, .backend = "threading"})(
        each(range(2), [running](int) {
          return delayed([running] {
            running->Open();
            for (;;) std::this_thread::sleep_for(std::chrono::hours(1));
          })();
        }));
  }).detach();
  running->Wait();
  std::puts("running");
  return 7;
}

// A task ends the program.
int ExitInATask() {
  Parallel({.n_jobs = 3, .backend = "threading"})(each(range(30), [](int) {
    return delayed([] {
      // One of them: exit() from two threads at once is undefined.
      static std::atomic<bool> first{true};
      if (first.exchange(false)) std::exit(7);
      for (;;) std::this_thread::sleep_for(std::chrono::hours(1));
    })();
  }));
  return 1;
}

// Calls after main has returned.
struct AtTheEnd {
  ~AtTheEnd() {
    if (!armed) return;
    {
      parallel_config scope({.backend = "threading", .n_jobs = 2});
      std::printf("%d\n", Sum(Parallel()));
    }
    std::printf("%d\n", Sum(Parallel({.n_jobs = 1})));
    std::printf(
        "%zu\n",
        Parallel({.n_jobs = 2, .backend = "threading"})
            .collect(
                each(range(9), [](int) { return delayed([] { throw 42; })(); }))
            .size());
    int sum = 0;
    for (const int r : Parallel({.n_jobs = 2, .backend = "threading"})
                           .generator(each(range(9), [](int i) {
                             return delayed([](int n) { return n; })(i);
                           }))) {
      sum += r;
    }
    std::printf("%d\n", sum);
    shutdown();
  }
  bool armed = false;
};
AtTheEnd at_the_end;

// Calls before main has begun, when asked by a variable: there are no arguments
// yet.
struct AtTheBeginning {
  AtTheBeginning() {
    if (std::getenv("JOBLIB_TEST_BEFORE_MAIN") == nullptr) return;
    parallel_config scope({.backend = "threading", .n_jobs = 2});
    std::printf("%d\n", Sum(Parallel()));
  }
};
const AtTheBeginning at_the_beginning;

// A thread ends inside of a scope, and calls in the destructors of its
// thread_local objects.
struct AtThreadsEnd {
  ~AtThreadsEnd() {
    parallel_config scope({.backend = "threading", .n_jobs = 2});
    std::printf("%d\n", Sum(Parallel()));
  }
};
int ThreadEnds() {
  std::thread([] {
    thread_local AtThreadsEnd object;
    (void)object;
    testing::LeaveScopeOpen({.backend = "threading", .n_jobs = 3});
    std::printf("%d\n", Sum(Parallel()));
  }).join();
  return 7;
}

// A generator that lives until static destructors run.
struct StaticGenerator {
  std::unique_ptr<Generator<int>> generator;
};
StaticGenerator static_generator;
int LeaveAGenerator() {
  set_warning_handler([](const Warning&) {});
  static_generator.generator = std::make_unique<Generator<int>>(
      Parallel({.n_jobs = 2, .backend = "threading"})
          .generator(each(range(1 << 30), [](int i) {
            return delayed([](int n) { return n; })(i);
          })));
  return *static_generator.generator->begin() == 0 ? 7 : 1;
}

int Do(std::string_view what) {
  if (what == "--abandon") return Abandon();
  if (what == "--return-during-a-call") return ReturnDuringACall();
  if (what == "--exit-in-a-task") return ExitInATask();
  if (what == "--thread-ends") return ThreadEnds();
  if (what == "--leave-a-generator") return LeaveAGenerator();
  if (what == "--static-destructor") {
    at_the_end.armed = true;
    return 7;
  }
  if (what == "--nothing") return 7;
  return 99;
}

// ------------------------------------------------- what they are to do

TEST(ProgramEndTest, ReturnFromMainWithAbandonedTasks) {
  const ProgramEnd end = RunSelf("--abandon");
  EXPECT_EQ(end.exit_code, 7) << end.output;
  EXPECT_EQ(end.output, "timeout\n");
}

TEST(ProgramEndTest, ReturnFromMainDuringACallElsewhere) {
  const ProgramEnd end = RunSelf("--return-during-a-call");
  EXPECT_EQ(end.exit_code, 7) << end.output;
  EXPECT_EQ(end.output, "running\n");
}

TEST(ProgramEndTest, ATaskMayExit) {
  const ProgramEnd end = RunSelf("--exit-in-a-task");
  EXPECT_EQ(end.exit_code, 7) << end.output;
  EXPECT_EQ(end.output, "");
}

TEST(ProgramEndTest, CallsInStaticDestructors) {
  const ProgramEnd end = RunSelf("--static-destructor");
  EXPECT_EQ(end.exit_code, 7) << end.output;
  EXPECT_EQ(end.output, "4950\n4950\n9\n36\n");
}

TEST(ProgramEndTest, CallsBeforeMain) {
  const ProgramEnd end = RunSelf("--nothing", "JOBLIB_TEST_BEFORE_MAIN=1");
  EXPECT_EQ(end.exit_code, 7) << end.output;
  EXPECT_EQ(end.output, "4950\n");
}

TEST(ProgramEndTest, CallsInThreadLocalDestructors) {
  const ProgramEnd end = RunSelf("--thread-ends");
  EXPECT_EQ(end.exit_code, 7) << end.output;
  EXPECT_EQ(end.output, "4950\n4950\n");
}

TEST(ProgramEndTest, AGeneratorThatStaticDestructorsClose) {
  const ProgramEnd end = RunSelf("--leave-a-generator");
  EXPECT_EQ(end.exit_code, 7) << end.output;
}

TEST(ProgramEndTest, ALibraryLoadedUsedAndUnloadedAHundredTimes) {
  const std::string path = "./tests/parallel/program_end_plugin.so";
  for (int round = 0; round < 100; ++round) {
    void* const plugin = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
    ASSERT_NE(plugin, nullptr) << dlerror();
    const auto sum =
        reinterpret_cast<int (*)(int)>(dlsym(plugin, "SumInThePlugin"));
    ASSERT_NE(sum, nullptr);
    // A plain loop first: then nothing pins it.
    EXPECT_EQ(sum(round < 50 ? 1 : 3), 4950);
    dlclose(plugin);
  }
}

}  // namespace
}  // namespace joblib

int main(int argc, char** argv) {
  if (argc > 1 && std::string_view(argv[1]).substr(0, 8) != "--gtest_") {
    return joblib::Do(argv[1]);
  }
  ::testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
