// terminal_progress() on a terminal: a pseudo terminal in the place of stderr.
#include <fcntl.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdint>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "joblib/joblib.h"

namespace joblib {
namespace {

using ::testing::Each;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::StartsWith;

// stderr for the test's life.
class ProgressOnATerminalTest : public ::testing::TestWithParam<int> {
 protected:
  void SetUp() override {
    window_ = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (window_ < 0 || grantpt(window_) != 0 || unlockpt(window_) != 0) {
      GTEST_SKIP() << "no pseudo terminals here";
    }
    SetWidth(100);
    const int terminal = open(ptsname(window_), O_RDWR | O_NOCTTY | O_CLOEXEC);
    ASSERT_GE(terminal, 0);
    former_ = dup(STDERR_FILENO);
    dup2(terminal, STDERR_FILENO);
    close(terminal);
  }
  void TearDown() override {
    if (former_ >= 0) Read();
    if (window_ >= 0) close(window_);
  }
  void SetWidth(int columns) {
    winsize size = {};
    size.ws_col = static_cast<unsigned short>(columns);
    ASSERT_EQ(ioctl(window_, TIOCSWINSZ, &size), 0);
  }
  // All that was written; stderr is the program's again. The terminal makes
  // "\r\n" of "\n".
  std::string Read() {
    if (former_ < 0) return "";
    dup2(former_, STDERR_FILENO);
    close(former_);
    former_ = -1;
    std::string text;
    char piece[4096];
    // An error: nobody writes any more.
    for (ssize_t n; (n = read(window_, piece, sizeof(piece))) > 0;) {
      text.append(piece, static_cast<std::size_t>(n));
    }
    return text;
  }

 private:
  int window_ = -1;
  int former_ = -1;
};

// What was drawn over each other, without the "\r" before and the "\x1b[K"
// (clears the rest of the line) behind it.
std::vector<std::string> DrawingsOf(const std::string& line) {
  std::vector<std::string> drawings;
  std::size_t begin = 0;
  while (begin < line.size()) {
    EXPECT_EQ(line[begin], '\r') << begin;
    const std::size_t end = line.find("\x1b[K", begin);
    if (end == std::string::npos) {
      ADD_FAILURE() << "a drawing that does not clear the rest: " << line;
      break;
    }
    drawings.push_back(line.substr(begin + 1, end - begin - 1));
    begin = end + 3;
  }
  return drawings;
}

constexpr char kLineEnd[] = "\r\n";

std::string WithoutLineEnd(const std::string& text) {
  EXPECT_THAT(text, EndsWith(kLineEnd));
  const std::string line = text.substr(0, text.find(kLineEnd));
  EXPECT_EQ(text.size(), line.size() + 2) << "more than one line: " << text;
  return line;
}

TEST_P(ProgressOnATerminalTest, IsOneLineDrawnOverUntilTheEnd) {
  Parallel({.n_jobs = GetParam(),
            .backend = "threading",
            .progress = terminal_progress()})(
      each(range(8), [](int) { return delayed([] {})(); }));
  const auto drawings = DrawingsOf(WithoutLineEnd(Read()));
  // The first event and the last one, whatever the clock says.
  ASSERT_GE(drawings.size(), 2);
  EXPECT_THAT(drawings.front(), StartsWith(" 12% [###"));
  EXPECT_THAT(drawings.front(), HasSubstr(" 1/8"));
  EXPECT_THAT(drawings.back(), StartsWith("100% [########################]"));
  EXPECT_THAT(drawings.back(), HasSubstr(" 8/8"));
}

INSTANTIATE_TEST_SUITE_P(NJobs, ProgressOnATerminalTest,
                         ::testing::Values(1, 2));

class ProgressOnAWindowTest : public ProgressOnATerminalTest {};

TEST_P(ProgressOnAWindowTest, NeverReachesTheLastColumn) {
  SetWidth(GetParam());
  terminal_progress()({1, 1000000});
  const auto drawings = DrawingsOf(WithoutLineEnd(Read()));
  EXPECT_THAT(drawings, Not(IsEmpty()));
  EXPECT_THAT(drawings, Each(SizeIs(::testing::Lt(GetParam()))));
}

INSTANTIATE_TEST_SUITE_P(Columns, ProgressOnAWindowTest,
                         ::testing::Values(21, 30, 40));

class UnfinishedProgressTest : public ProgressOnATerminalTest {};

TEST_P(UnfinishedProgressTest, EndsItsLineWithTheParallelObject) {
  {
    auto progress = terminal_progress();
    const std::int64_t total = GetParam();
    progress({1, total});
    progress({2, total});  // Too early to be drawn.
  }
  const auto drawings = DrawingsOf(WithoutLineEnd(Read()));
  ASSERT_THAT(drawings, SizeIs(2));
  EXPECT_THAT(drawings.back(), HasSubstr(GetParam() < 0 ? "2 done" : " 2/9"));
}

INSTANTIATE_TEST_SUITE_P(Totals, UnfinishedProgressTest,
                         ::testing::Values(9, -1));

}  // namespace
}  // namespace joblib
