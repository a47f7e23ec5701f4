// The system gives no more threads: a call runs with those it got, and a
// warning says so once. This program, run again under a limit.
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <set>
#include <string>
#include <string_view>
#include <thread>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "joblib/joblib.h"
#include "tests/testing/run_self.h"

namespace joblib {
namespace {

using ::testing::HasSubstr;
using testing::ProgramEnd;
using testing::RunSelf;

// Every kind of call, more than once; then what they did.
int Program() {
  int warnings = 0;
  std::string warning;
  set_warning_handler([&](const Warning& w) {
    ++warnings;
    warning = w.message;
  });
  const auto tasks = [] {
    return each(range(200),
                [](int i) { return delayed([](int n) { return n; })(i); });
  };
  long sum = 0;
  for (int round = 0; round < 3; ++round) {
    Parallel parallel({.n_jobs = 20, .backend = "threading"});
    for (const int r : parallel(tasks())) sum += r;
    for (const auto& r : parallel.collect(tasks())) sum += r.value();
    for (const int r : parallel.generator(tasks())) sum += r;
    for (const int r : parallel.generator_unordered(tasks())) sum += r;
    std::int64_t events = 0;
    for (const int r : Parallel({.n_jobs = 20,
                       .backend = "threading",
                       .timeout = 60,
                       .task_timeout = 60,
                       .progress = [&](const Progress& p) {
                         if (p.done == ++events) return;
                         std::puts("wrong progress");
                       }})(tasks())) {
      sum += r;
    }
    if (events != 200) std::puts("missing progress");
    // Nested: inner calls get none at all.
    for (const int r : Parallel(
             {.n_jobs = 20, .backend = "threading"})(each(range(40), [](int) {
           return delayed([] {
             int inner = 0;
             for (const int r : Parallel({.n_jobs = 5, .backend = "threading"})(
                      each(range(10), [](int i) {
                        return delayed([](int n) { return n; })(i);
                      }))) {
               inner += r;
             }
             return inner;
           })();
         }))) {
      sum += r;
    }
    try {
      parallel(each(range(200), [](int i) {
        return delayed([](int n) {
          if (n == 50) throw n;
        })(i);
      }));
      std::puts("no error");
    } catch (int n) {
      sum += n;
    }
  }
  std::printf("sum %ld, %d warning: %s\n", sum, warnings, warning.c_str());
  return 0;
}

// 5 sums of 0 ... 199, 40 of 0 ... 9, and 50; three times.
constexpr char kSum[] = "sum 304050, ";

TEST(OutOfThreadsTest, RunsWithThoseItGot) {
  // A thread takes its stack's size of addresses: room for a few.
  const ProgramEnd end =
      RunSelf("--program", "ulimit -s 400000; ulimit -v 3000000;");
  EXPECT_EQ(end.exit_code, 0) << end.output;
  EXPECT_THAT(end.output, HasSubstr(std::string(kSum) + "1 warning"));
  EXPECT_THAT(end.output, HasSubstr("n_jobs"));
}

TEST(OutOfThreadsTest, RunsWithTheCallingThreadAlone) {
  const ProgramEnd end =
      RunSelf("--program", "ulimit -s 4000000; ulimit -v 3000000;");
  EXPECT_EQ(end.exit_code, 0) << end.output;
  EXPECT_THAT(end.output, HasSubstr(std::string(kSum) + "1 warning"));
}

TEST(OutOfThreadsTest, UnderALimitOfProcesses) {
  // Root knows no such limit: as nobody, who has no other process here.
  const std::string as_nobody =
      "setpriv --reuid=65534 --clear-groups --inh-caps=-all "
      "--bounding-set=-all ";
  if (std::system((as_nobody + "true 2>/dev/null").c_str()) != 0) {
    GTEST_SKIP() << "not allowed to become somebody else";
  }
  if (RunSelf("--nothing", "exec " + as_nobody).exit_code != 0) {
    GTEST_SKIP() << "nobody may not read this program";
  }
  // The shell, timeout and this program, and 4 threads.
  const ProgramEnd end =
      RunSelf("--program", "exec " + as_nobody + "prlimit --nproc=6");
  EXPECT_EQ(end.exit_code, 0) << end.output;
  EXPECT_THAT(end.output, HasSubstr(std::string(kSum) + "1 warning"));
}

TEST(OutOfThreadsTest, NoLimitNoWarning) {
  const ProgramEnd end = RunSelf("--program");
  EXPECT_EQ(end.exit_code, 0) << end.output;
  EXPECT_THAT(end.output, HasSubstr(std::string(kSum) + "0 warning"));
}

}  // namespace
}  // namespace joblib

int main(int argc, char** argv) {
  if (argc > 1 && std::string_view(argv[1]) == "--program") {
    return joblib::Program();
  }
  if (argc > 1 && std::string_view(argv[1]) == "--nothing") return 0;
  ::testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
