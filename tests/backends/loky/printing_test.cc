// What tasks print is there once, by the time their results are, and nothing
// else of the workers is: none of what the program holds back in its buffers,
// no atexit handlers, no destructors. The test program is its own subject, run
// again with its stdout in a pipe.
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <map>
#include <sstream>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "joblib/joblib.h"
#include "tests/backends/loky/guest.h"

namespace joblib::testing {
namespace {

constexpr int kTasks = 100;

std::string Variable(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? "" : value;
}

struct Global {
  Global() {
    if (!Variable("OWN_BUFFERS").empty()) std::ios::sync_with_stdio(false);
    if (!Variable("BACKEND").empty()) {
      std::atexit([] { std::printf("atexit\n"); });
    }
  }
  ~Global() {
    if (!Variable("BACKEND").empty()) std::printf("destructor\n");
  }
} global;

int Print(int n) {
  std::printf("printf %d\n", n);
  std::cout << "cout " << n << '\n';
  return n;
}

// All stays in the buffers, but for what the library flushes.
int PrintInTasks() {
  std::printf("before by printf\n");
  std::cout << "before by cout\n";
  Parallel({.n_jobs = 2, .backend = Variable("BACKEND"), .batch_size = 10})
      .map(Print, range(kTasks));
  std::printf("after by printf\n");
  std::cout << "after by cout\n";
  return 0;
}

struct Case {
  const char* name;
  const char* environment;
};

class PrintingTest : public ::testing::TestWithParam<Case> {};

TEST_P(PrintingTest, EachLineComesOnce) {
  const ProgramEnd end =
      RunSelf("--print", std::string("env ") + GetParam().environment);
  EXPECT_EQ(end.exit_code, 0);
  std::map<std::string, int> expected;
  for (const char* line :
       {"before by printf", "before by cout", "after by printf",
        "after by cout", "atexit", "destructor"}) {
    expected[line] = 1;
  }
  for (int i = 0; i < kTasks; ++i) {
    expected["printf " + std::to_string(i)] = 1;
    expected["cout " + std::to_string(i)] = 1;
  }
  std::map<std::string, int> printed;
  std::istringstream lines(end.output);
  for (std::string line; std::getline(lines, line);) ++printed[line];
  EXPECT_EQ(printed, expected);
}

INSTANTIATE_TEST_SUITE_P(
    Programs, PrintingTest,
    ::testing::Values(Case{"Loky", "BACKEND=loky"},
                      Case{"LokyOwnBuffers", "BACKEND=loky OWN_BUFFERS=1"},
                      Case{"Multiprocessing", "BACKEND=multiprocessing"},
                      Case{"MultiprocessingOwnBuffers",
                           "BACKEND=multiprocessing OWN_BUFFERS=1"}),
    [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace joblib::testing

int main(int argc, char** argv) {
  using namespace joblib::testing;
  return RunGuestsOrTests(argc, argv, {{"--print", PrintInTasks}});
}
