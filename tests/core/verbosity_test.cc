#include "joblib/core/verbosity.h"

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace joblib::internal {
namespace {

using testing::ElementsAre;

constexpr int kMaxInt = std::numeric_limits<int>::max();
constexpr int kMinInt = std::numeric_limits<int>::min();
constexpr std::int64_t kMaxCount = std::numeric_limits<std::int64_t>::max();

TEST(SkipsLineTest, LinesGetRarerWithTheNumberOfBatches) {
  int printed = 0;
  for (int i = 1; i < 10'000; ++i) printed += SkipsLine(i, 5) ? 0 : 1;
  EXPECT_EQ(printed, 23);  // sqrt(10000 / 18)
}

TEST(SkipsLineTest, EveryLineIsPrintedAboveTen) {
  for (int i = 0; i < 100; ++i) EXPECT_FALSE(SkipsLine(i, 11));
  EXPECT_FALSE(SkipsLine(kMaxCount, kMaxInt));
}

TEST(SkipsLineTest, NothingIsPrintedAtZero) {
  EXPECT_TRUE(SkipsLine(0, 0));
  EXPECT_TRUE(SkipsLine(49, 0));
}

TEST(SkipsLineTest, ExtremeArgumentsAreHarmless) {
  EXPECT_FALSE(SkipsLine(0, kMinInt));
  EXPECT_TRUE(SkipsLine(1, kMinInt));
  EXPECT_TRUE(SkipsLine(kMaxCount, 10));
}

TEST(ShortFormatTimeTest, SecondsUpToAMinuteThenMinutes) {
  EXPECT_EQ(ShortFormatTime(0), "   0.0s");
  EXPECT_EQ(ShortFormatTime(60), "  60.0s");
  EXPECT_EQ(ShortFormatTime(60.01), " 1.0min");
  EXPECT_EQ(ShortFormatTime(3600), "60.0min");
}

TEST(ProgressLineTest, SilentAtVerboseZero) {
  EXPECT_EQ(ProgressLine({.verbose = 0, .completed = 1, .is_completed = true}),
            std::nullopt);
}

TEST(ProgressLineTest, CountsTasksWhileTheLengthIsUnknown) {
  EXPECT_EQ(ProgressLine({.verbose = 11,
                          .completed = 7,
                          .dispatched_batches = 9,
                          .dispatched_tasks = 9,
                          .elapsed = 0.1}),
            "Done   7 tasks      | elapsed:    0.1s");
}

TEST(ProgressLineTest, CountsOutOfTheLengthWhereItIsKnown) {
  EXPECT_EQ(ProgressLine({.verbose = 11,
                          .n_tasks = 1000,
                          .completed = 7,
                          .dispatched_batches = 9,
                          .dispatched_tasks = 9,
                          .elapsed = 61}),
            "Done    7 out of 1000 | elapsed:  1.0min");
}

TEST(ProgressLineTest, TheWidthOfCountsIsThatOfTheLength) {
  ProgressState state = {.verbose = 11, .completed = 1};
  for (const auto& [n_tasks, line] :
       {std::pair<std::int64_t, std::string>{
            0, "Done   1 out of   0 | elapsed:    0.0s"},
        {9, "Done 1 out of 9 | elapsed:    0.0s"},
        {10, "Done  1 out of 10 | elapsed:    0.0s"},
        {999, "Done   1 out of 999 | elapsed:    0.0s"},
        {1000, "Done    1 out of 1000 | elapsed:    0.0s"}}) {
    state.n_tasks = n_tasks;
    EXPECT_EQ(ProgressLine(state), line);
  }
}

TEST(ProgressLineTest, EstimatesWhatRemainsOnceTheInputIsExhausted) {
  EXPECT_EQ(ProgressLine({.verbose = 11,
                          .completed = 4,
                          .dispatched_batches = 10,
                          .dispatched_tasks = 10,
                          .input_exhausted = true,
                          .pre_dispatch_amount = 4,
                          .elapsed = 2}),
            "Done   4 out of  10 | elapsed:    2.0s remaining:    3.0s");
}

// After how many of 100 tasks a line is printed, once the input is exhausted.
std::vector<int> PrintedAfterInput(int verbose) {
  ProgressState state = {.verbose = verbose,
                         .dispatched_tasks = 100,
                         .input_exhausted = true,
                         .pre_dispatch_amount = 4};
  std::vector<int> printed;
  for (int completed = 1; completed < 100; ++completed) {
    state.completed = completed;
    if (ProgressLine(state).has_value()) printed.push_back(completed);
  }
  return printed;
}

TEST(ProgressLineTest, AfterTheInputAboutVerboseLinesAreLeft) {
  EXPECT_THAT(PrintedAfterInput(/*verbose=*/5),
              ElementsAre(13, 34, 55, 76, 97));
  EXPECT_THAT(PrintedAfterInput(/*verbose=*/kMaxInt), testing::SizeIs(98));
}

TEST(ProgressLineTest, ANegativeVerbosityDividesAsInPython) {
  EXPECT_THAT(PrintedAfterInput(/*verbose=*/-3), ElementsAre(31, 64, 97));
}

TEST(ProgressLineTest, TheFirstLineAfterTheInputIsPrintedTheLastButOneNot) {
  ProgressState state = {.verbose = 1,
                         .dispatched_tasks = 9,
                         .input_exhausted = true,
                         .pre_dispatch_amount = 4};
  EXPECT_TRUE(ProgressLine(state).has_value());
  state.verbose = 100;
  state.completed = 8;
  EXPECT_FALSE(ProgressLine(state).has_value());
}

TEST(ProgressLineTest, TheFinishedLineIsNeverSkipped) {
  EXPECT_EQ(ProgressLine({.verbose = 1,
                          .completed = 9,
                          .dispatched_batches = 9,
                          .dispatched_tasks = 9,
                          .input_exhausted = true,
                          .is_completed = true,
                          .elapsed = 0.3}),
            "Done   9 out of   9 | elapsed:    0.3s finished");
}

TEST(ProgressLineTest, ExtremeVerbosityIsHarmless) {
  for (int verbose : {kMinInt, -7, -1, 1, kMaxInt}) {
    ProgressState state = {.verbose = verbose,
                           .completed = 1,
                           .dispatched_tasks = 7,
                           .input_exhausted = true,
                           .pre_dispatch_amount = kMaxCount};
    EXPECT_NO_THROW(ProgressLine(state)) << verbose;
    state.dispatched_tasks = kMaxCount / 2;
    EXPECT_NO_THROW(ProgressLine(state)) << verbose;
  }
}

TEST(UsingBackendLineTest, NamesBackendAndWorkers) {
  EXPECT_EQ(UsingBackendLine("LokyBackend", 2),
            "Using backend LokyBackend with 2 concurrent workers.");
}

TEST(MessagePrefixTest, ShowsTheJobsThatWereAskedFor) {
  EXPECT_EQ(MessagePrefix(-1), "[Parallel(n_jobs=-1)]: ");
}

TEST(WritesToStdoutTest, FromFiftyOn) {
  EXPECT_FALSE(WritesToStdout(49));
  EXPECT_TRUE(WritesToStdout(50));
  EXPECT_FALSE(WritesToStdout(kMinInt));
}

}  // namespace
}  // namespace joblib::internal
