// `progress`, and the lines of terminal_progress() where nobody watches. On a
// terminal: progress_terminal_test.cc.
#include <cstdint>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "joblib/joblib.h"
#include "native/capture_for_test.h"

namespace joblib {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::StartsWith;

auto Identities(int n) {
  return each(range(n),
              [](int i) { return delayed([](int task) { return task; })(i); });
}

// The lines of a text that ends with one.
std::vector<std::string> LinesOf(const std::string& text) {
  EXPECT_THAT(text, EndsWith("\n"));
  std::vector<std::string> lines;
  for (std::size_t begin = 0, end; begin < text.size(); begin = end + 1) {
    end = text.find('\n', begin);
    if (end == std::string::npos) end = text.size();
    lines.push_back(text.substr(begin, end - begin));
  }
  return lines;
}

class ProgressTest : public ::testing::TestWithParam<int> {
 protected:
  Parallel With(ProgressCallback progress) const {
    return Parallel({.n_jobs = GetParam(),
                     .backend = "threading",
                     .progress = std::move(progress)});
  }
};

TEST_P(ProgressTest, OneEventForEachTask) {
  std::vector<std::int64_t> done;
  Parallel parallel = With([&](const Progress& p) {
    done.push_back(p.done);
    EXPECT_EQ(p.total, 40);
  });
  for (int call = 0; call < 2; ++call) {
    done.clear();
    EXPECT_THAT(parallel(Identities(40)), SizeIs(40));
    ASSERT_THAT(done, SizeIs(40));
    for (int i = 0; i < 40; ++i) EXPECT_EQ(done[i], i + 1);
  }
}

TEST_P(ProgressTest, AShortCallIsOneLineAtItsEnd) {
  for (const int n : {1, 8}) {
    native::OutputCapture capture;
    With(terminal_progress())(Identities(n));
    const native::CapturedOutput output = capture.End();
    EXPECT_THAT(output.out, IsEmpty());
    EXPECT_THAT(output.err, Not(HasSubstr("\r")));
    EXPECT_THAT(output.err, Not(HasSubstr("\x1b")));
    const std::vector<std::string> lines = LinesOf(output.err);
    ASSERT_THAT(lines, SizeIs(1));
    const std::string count = std::to_string(n);
    EXPECT_THAT(lines[0], StartsWith("100% [########################] " +
                                     count + "/" + count));
  }
}

TEST_P(ProgressTest, EachCallOfAParallelHasItsOwnLine) {
  native::OutputCapture capture;
  Parallel parallel = With(terminal_progress());
  parallel(Identities(8));
  parallel(Identities(9));
  const std::vector<std::string> lines = LinesOf(capture.End().err);
  ASSERT_THAT(lines, SizeIs(2));
  EXPECT_THAT(lines[0], HasSubstr(" 8/8"));
  EXPECT_THAT(lines[1], HasSubstr(" 9/9"));
}

TEST_P(ProgressTest, AnInputOfUnknownLengthIsCounted) {
  struct Unsized {
    Range<int>::iterator begin() { return range(9).begin(); }
    Range<int>::iterator end() { return range(9).end(); }
  };
  native::OutputCapture capture;
  With(terminal_progress())(each(Unsized(), [](int i) {
    return delayed([](int task) { return task; })(i);
  }));
  const std::vector<std::string> lines = LinesOf(capture.End().err);
  ASSERT_THAT(lines, SizeIs(1));
  EXPECT_THAT(lines[0], StartsWith("9 done"));
}

TEST_P(ProgressTest, ACallWithoutTasksSaysNothing) {
  native::OutputCapture capture;
  With(terminal_progress())(Identities(0));
  EXPECT_THAT(capture.End().err, IsEmpty());
}

INSTANTIATE_TEST_SUITE_P(NJobs, ProgressTest, ::testing::Values(1, 2));

TEST(TerminalProgressTest, AFailedCallEndsWithHowFarItCame) {
  native::OutputCapture capture;
  {
    Parallel parallel({.n_jobs = 1, .progress = terminal_progress()});
    EXPECT_THROW(parallel(each(range(8),
                               [](int i) {
                                 return delayed([](int task) {
                                   if (task == 2) throw task;
                                 })(i);
                               })),
                 int);
    parallel(Identities(4));
  }
  const std::vector<std::string> lines = LinesOf(capture.End().err);
  ASSERT_THAT(lines, SizeIs(2));
  EXPECT_THAT(lines[0], StartsWith(" 25% [######..................] 2/8"));
  EXPECT_THAT(lines[1], HasSubstr(" 4/4"));
}

TEST(TerminalProgressTest, SaysNothingBeforeAFewSecondsAreOver) {
  native::OutputCapture capture;
  auto progress = terminal_progress();
  progress({1, 3});
  progress({2, 3});
  EXPECT_THAT(capture.End().err, IsEmpty());
  native::OutputCapture end;
  progress = nullptr;
  EXPECT_THAT(LinesOf(end.End().err), SizeIs(1));
}

}  // namespace
}  // namespace joblib
