#include "joblib/parallel/input_window.h"

#include <algorithm>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace joblib::internal {
namespace {

using ::testing::Combine;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::Values;
using Sizes = InputWindow::Sizes;

constexpr std::int64_t kWithoutBound = std::int64_t{1} << 60;
constexpr double kFast = 1e-9;  // Seconds in a task; far below any threshold.
constexpr double kSlow = 10;    // Far above.

TEST(ThreadBatchSizerTest, BeginsWithOneTask) {
  EXPECT_EQ(ThreadBatchSizer().size(), 1);
}

TEST(ThreadBatchSizerTest, FastTasksMakeItGrowUpToALimit) {
  ThreadBatchSizer sizer;
  std::uint32_t former = 0;
  for (int i = 0; i < 50; ++i) {
    EXPECT_GE(sizer.size(), former);
    former = sizer.size();
    sizer.Record(former, kFast * former);
  }
  EXPECT_GT(sizer.size(), 1000);
  EXPECT_LE(sizer.size(), 65536);
}

TEST(ThreadBatchSizerTest, OneFastBatchAloneProvesLittle) {
  ThreadBatchSizer sizer;
  sizer.Record(1, kFast);
  EXPECT_GT(sizer.size(), 1);
  EXPECT_LE(sizer.size(), 64);
}

TEST(ThreadBatchSizerTest, ATailMuchSmallerThanTheSizeDoesNotMakeItGrow) {
  ThreadBatchSizer sizer;
  while (sizer.size() < 100) sizer.Record(sizer.size(), kFast);
  const std::uint32_t size = sizer.size();
  sizer.Record(1, kFast);
  EXPECT_EQ(sizer.size(), size);
}

TEST(ThreadBatchSizerTest, ALongTaskTravelsAloneFromThenOn) {
  ThreadBatchSizer sizer;
  while (sizer.size() < 1000) sizer.Record(sizer.size(), kFast);
  sizer.Record(sizer.size(), kSlow);
  EXPECT_EQ(sizer.size(), 1);
}

TEST(ThreadBatchSizerTest, ABatchTakesAFractionOfAMillisecond) {
  ThreadBatchSizer sizer;
  constexpr double kTask = 1e-6;
  for (int i = 0; i < 50; ++i) sizer.Record(sizer.size(), sizer.size() * kTask);
  EXPECT_GE(sizer.size() * kTask, 20e-6);
  EXPECT_LT(sizer.size() * kTask, 1e-3);
}

TEST(ThreadBatchSizerTest, NothingRunTellsNothing) {
  ThreadBatchSizer sizer;
  while (sizer.size() < 100) sizer.Record(sizer.size(), kFast);
  const std::uint32_t size = sizer.size();
  sizer.Record(0, kSlow);
  sizer.Record(0, 0);
  EXPECT_EQ(sizer.size(), size);
}

TEST(InputWindowTest, TheFirstWindowIsPreDispatchTasks) {
  InputWindow window({.batch_size = 2, .n_jobs = 2, .pre_dispatch = 7});
  EXPECT_TRUE(window.starting());
  EXPECT_EQ(window.Room(), 7);
  EXPECT_EQ(window.NextRead(), 4);  // A batch for each worker.
  EXPECT_THAT(window.Cut(4), ElementsAre(2, 2));
  window.Dispatched(2);
  EXPECT_EQ(window.Room(), 5);
  window.Dispatched(2);
  EXPECT_EQ(window.NextRead(), 3);
  window.Dispatched(3);
  EXPECT_EQ(window.Room(), 0);
}

TEST(InputWindowTest, AfterTheStartEachBatchMakesRoomForOne) {
  InputWindow window({.batch_size = 3, .n_jobs = 2, .pre_dispatch = 6});
  window.Dispatched(3);
  window.Dispatched(3);
  window.EndStart();
  EXPECT_FALSE(window.starting());
  EXPECT_EQ(window.Room(), 0);
  window.Completed(3, kFast, kFast, /*asks_for_more=*/true);
  EXPECT_GE(window.Room(), 3);
  window.Dispatched(3);
  EXPECT_EQ(window.Room(), 0);
}

TEST(InputWindowTest, TheTailOfAnotherBatchMakesNoRoom) {
  InputWindow window({.n_jobs = 2, .pre_dispatch = 2});
  window.Dispatched(1);
  window.Dispatched(1);
  window.EndStart();
  window.Completed(1, kFast, kFast, /*asks_for_more=*/false);
  EXPECT_EQ(window.Room(), 0);
}

TEST(InputWindowTest, AllIsAWindowWithoutBound) {
  InputWindow window({.n_jobs = 2, .pre_dispatch = std::nullopt});
  for (int i = 0; i < 1000; ++i) window.Dispatched(1000);
  EXPECT_GT(window.Room(), kWithoutBound);
}

TEST(InputWindowTest, StrictCountsWhatWasNotTakenYet) {
  InputWindow window({.n_jobs = 2, .pre_dispatch = 4, .strict = true});
  EXPECT_EQ(window.Room(), 4);
  window.Dispatched(4);
  EXPECT_EQ(window.Room(), 0);
  window.EndStart();
  // Done is not taken.
  window.Completed(4, kFast, kFast, /*asks_for_more=*/true);
  EXPECT_EQ(window.Room(), 0);
  window.Taken(3);
  EXPECT_EQ(window.Room(), 3);
}

TEST(InputWindowTest, ThreadsShareTheFirstWindowOut) {
  InputWindow window(
      {.sizes = Sizes::kThreads, .n_jobs = 4, .pre_dispatch = 16});
  // Two batches for each worker.
  EXPECT_EQ(window.NextRead(), 2);
  // A short input is shared out by its length.
  InputWindow shorter(
      {.sizes = Sizes::kThreads, .n_jobs = 4, .pre_dispatch = 8, .n_tasks = 4});
  EXPECT_EQ(shorter.NextRead(), 1);
}

TEST(InputWindowTest, ThreadsRunWhatWasReadInOneBatch) {
  const InputWindow window({.sizes = Sizes::kThreads, .pre_dispatch = 8});
  EXPECT_THAT(window.Cut(7), ElementsAre(7));
  EXPECT_THAT(window.Cut(0), IsEmpty());
}

// A window after its start whose tasks are fast, with room for batches.
// `dispatched`, if asked for: the tasks so far.
InputWindow Grown(InputWindow::Options options,
                  std::int64_t* dispatched = nullptr) {
  options.sizes = Sizes::kThreads;
  InputWindow window(options);
  window.EndStart();
  for (int i = 0; i < 50; ++i) {
    const std::uint32_t n = window.NextRead();
    window.Dispatched(n);
    window.Taken(n);
    for (int twice = 0; twice < 2; ++twice) {
      window.Completed(n, n * kFast, n * kFast, /*asks_for_more=*/true);
    }
    if (dispatched != nullptr) *dispatched += n;
  }
  return window;
}

TEST(InputWindowTest, BatchesOfFastTasksGrowToMaxRead) {
  EXPECT_GT(Grown({.pre_dispatch = 4}).NextRead(), 1000);
  EXPECT_EQ(Grown({.max_read = 100, .pre_dispatch = 4}).NextRead(), 100);
}

TEST(InputWindowTest, TheEndOfAKnownInputLeavesWorkForEachWorker) {
  constexpr int kJobs = 4;
  constexpr std::int64_t kTasks = 6'000'000;
  std::int64_t dispatched = 0;
  InputWindow window = Grown(
      {.n_jobs = kJobs, .pre_dispatch = 8, .n_tasks = kTasks}, &dispatched);
  ASSERT_LT(dispatched, kTasks / 2);
  while (dispatched < kTasks) {
    const std::int64_t n = window.NextRead();
    ASSERT_GE(n, 1);
    ASSERT_LE(n, std::max<std::int64_t>(1, (kTasks - dispatched) / kJobs));
    window.Dispatched(n);
    window.Completed(n, n * kFast, n * kFast, /*asks_for_more=*/true);
    dispatched += n;
  }
}

TEST(InputWindowTest, StrictThreadsReadAFewBatchesPerWindow) {
  InputWindow window = Grown({.n_jobs = 2, .pre_dispatch = 64, .strict = true});
  EXPECT_GE(window.NextRead(), 1);
  EXPECT_LE(window.NextRead(), 32);
}

TEST(InputWindowTest, ProcessesLearnTheirBatchSizeAndSayWhyOnce) {
  InputWindow window(
      {.sizes = Sizes::kProcesses, .n_jobs = 2, .pre_dispatch = 4});
  EXPECT_EQ(window.NextRead(), 2);
  EXPECT_EQ(window.TakeMessage(), "");
  window.Dispatched(1);
  window.EndStart();
  // What counts is the time since the dispatch, as in joblib.
  window.Completed(1, kSlow, /*since_dispatch=*/0.01, /*asks_for_more=*/true);
  EXPECT_EQ(window.NextRead(), 4);
  EXPECT_THAT(window.TakeMessage(), HasSubstr("Setting batch_size=2."));
  EXPECT_EQ(window.TakeMessage(), "");
  EXPECT_THAT(window.Cut(4), ElementsAre(2, 2));
}

TEST(InputWindowTest, BatchesOfProcessesKeepToTheLimitThatIsGiven) {
  for (const double limit :
       {kMaxIdealDaskBatchSeconds, kMaxIdealBatchSeconds}) {
    InputWindow window({.sizes = Sizes::kProcesses,
                        .max_batch_seconds = limit,
                        .n_jobs = 2,
                        .pre_dispatch = 4});
    window.NextRead();
    window.EndStart();
    window.Completed(1, kSlow, /*since_dispatch=*/0.01, /*asks_for_more=*/true);
    window.NextRead();
    // Two tasks took 1.5 s.
    window.Completed(2, kSlow, /*since_dispatch=*/1.5, /*asks_for_more=*/true);
    window.TakeMessage();
    window.NextRead();
    EXPECT_EQ(window.TakeMessage().empty(), limit > 1.5) << limit;
  }
}

TEST(InputWindowTest, FixedSizesNeverChange) {
  InputWindow window({.batch_size = 5, .n_jobs = 2, .pre_dispatch = 10});
  window.EndStart();
  for (const double seconds : {kFast, kSlow}) {
    for (int i = 0; i < 9; ++i) {
      window.Completed(5, seconds, seconds, /*asks_for_more=*/true);
      EXPECT_EQ(window.NextRead(), 10);
    }
  }
  EXPECT_EQ(window.TakeMessage(), "");
}

// A call as the dispatcher makes it, with `seconds` in each task.
class InputWindowCallTest
    : public ::testing::TestWithParam<
          std::tuple<Sizes, bool, std::optional<std::int64_t>, double>> {};

TEST_P(InputWindowCallTest, EachTaskIsDispatchedAndNoneTooEarly) {
  const Sizes sizes = std::get<0>(GetParam());
  const bool strict = std::get<1>(GetParam());
  const std::optional<std::int64_t> pre_dispatch = std::get<2>(GetParam());
  const double seconds = std::get<3>(GetParam());
  constexpr std::int64_t kTasks = 3000;
  for (const int n_jobs : {2, 5}) {
    for (const bool length_known : {true, false}) {
      InputWindow window({.sizes = sizes,
                          .batch_size = 7,
                          .n_jobs = n_jobs,
                          .pre_dispatch = pre_dispatch,
                          .strict = strict,
                          .n_tasks = length_known ? kTasks : -1});
      std::int64_t read = 0, dispatched = 0, done = 0;
      std::deque<std::uint32_t> ready, running;
      const auto dispatch = [&] {
        while (window.Room() > 0) {
          if (ready.empty()) {
            const auto got = static_cast<std::uint32_t>(
                std::min<std::int64_t>(window.NextRead(), kTasks - read));
            if (got == 0) break;
            read += got;
            for (const std::uint32_t n : window.Cut(got)) ready.push_back(n);
            continue;
          }
          const std::uint32_t n = ready.front();
          // A batch too large for the window has it for itself.
          if (strict && n > window.Room() && dispatched > done) break;
          ready.pop_front();
          window.Dispatched(n);
          dispatched += n;
          running.push_back(n);
          if (strict && running.size() > 1) {
            EXPECT_LE(dispatched - done, pre_dispatch.value_or(kTasks));
          }
        }
      };
      dispatch();
      EXPECT_GT(dispatched, 0);
      EXPECT_LE(dispatched, pre_dispatch.value_or(kTasks));
      window.EndStart();
      while (!running.empty()) {
        const std::uint32_t n = running.front();
        running.pop_front();
        done += n;
        window.Completed(n, n * seconds, n * seconds, /*asks_for_more=*/true);
        window.Taken(n);
        dispatch();
      }
      EXPECT_EQ(done, kTasks) << n_jobs << length_known;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    EveryKind, InputWindowCallTest,
    Combine(Values(Sizes::kFixed, Sizes::kThreads, Sizes::kProcesses),
            Values(false, true), Values(1, 8, std::nullopt),
            Values(kFast, kSlow)));

}  // namespace
}  // namespace joblib::internal
