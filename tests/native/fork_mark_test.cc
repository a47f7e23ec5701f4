#include "native/fork_mark.h"

#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>

#include "gtest/gtest.h"

namespace joblib::native {
namespace {

// How a child that `fork` makes and that runs `body` ends.
template <class Body>
int Status(pid_t (*fork)(), Body body) {
  const pid_t child = fork();
  if (child == 0) {
    body();
    _exit(7);
  }
  int status = -1;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

pid_t RawFork() { return static_cast<pid_t>(syscall(SYS_fork)); }

class ForkMarkTest : public testing::TestWithParam<pid_t (*)()> {};

TEST_P(ForkMarkTest, EndsTheChildAlone) {
  const ForkMark mark;
  mark.EndIfForked();
  EXPECT_TRUE(mark.IsOfThisProcess());
  EXPECT_EQ(Status(GetParam(), [&] { mark.EndIfForked(); }), 0);
  EXPECT_TRUE(mark.IsOfThisProcess());
}

TEST_P(ForkMarkTest, AMarkOfTheChildIsItsOwn) {
  EXPECT_EQ(Status(GetParam(),
                   [] {
                     const ForkMark mark;
                     mark.EndIfForked();
                   }),
            7);
}

TEST_P(ForkMarkTest, TheChildWritesNothingOfWhatStdioHolds) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  std::FILE* const out = fdopen(ends[1], "w");
  std::fputs("once", out);
  const ForkMark mark;
  EXPECT_EQ(Status(GetParam(), [&] { mark.EndIfForked(); }), 0);
  std::fclose(out);
  char text[16];
  EXPECT_EQ(read(ends[0], text, sizeof text), 4);
  EXPECT_EQ(read(ends[0], text, sizeof text), 0);
  close(ends[0]);
}

INSTANTIATE_TEST_SUITE_P(Forks, ForkMarkTest,
                         ::testing::Values(&fork, &RawFork),
                         [](const auto& info) {
                           return info.index == 0 ? "Libc" : "Raw";
                         });

}  // namespace
}  // namespace joblib::native
