// HAZARDS.md T1: tasks of one call may wait for each other, up to n_jobs of
// them, however they were batched; no task waits behind a stuck one.
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "joblib/joblib.h"
#include "tests/testing/gates.h"

namespace joblib {
namespace {

using testing::kPatience;
using testing::Meeting;

// Long for any machine, short for one who waits for a broken engine.
constexpr std::chrono::seconds kShortPatience{20};

// A number that grows, to wait for.
class Count {
 public:
  void Add() {
    const std::lock_guard<std::mutex> lock(mutex_);
    ++n_;
    changed_.notify_all();
  }
  // False: it did not get there in time, or did not before.
  bool WaitFor(std::int64_t n) {
    std::unique_lock<std::mutex> lock(mutex_);
    if (lost_) return false;
    lost_ = !changed_.wait_for(lock, kShortPatience, [&] { return n_ >= n; });
    return !lost_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::int64_t n_ = 0;
  bool lost_ = false;
};

enum class How { kList, kCollect, kOrdered, kUnordered };

// Runs `tasks` to their end and adds up the results.
template <class Tasks>
std::int64_t Sum(Parallel& parallel, How how, Tasks&& tasks) {
  std::int64_t sum = 0;
  switch (how) {
    case How::kList:
      for (const int r : parallel(tasks)) sum += r;
      break;
    case How::kCollect:
      for (const auto& r : parallel.collect(tasks)) sum += r.value();
      break;
    case How::kOrdered:
      for (const int r : parallel.generator(tasks)) sum += r;
      break;
    case How::kUnordered:
      for (const int r : parallel.generator_unordered(tasks)) sum += r;
      break;
  }
  return sum;
}

class StuckNeighbourTest : public ::testing::TestWithParam<How> {};

TEST_P(StuckNeighbourTest, TasksThatMeetAfterManyFastOnes) {
  // A generator's window keeps its batches short however long it goes on.
  const bool is_list = GetParam() == How::kList || GetParam() == How::kCollect;
  const int n_tasks = is_list ? 20000 : 2000;
  for (const int n_jobs : {2, 3, 4, 8}) {
    // Somewhere in batches that have grown long: n_jobs tasks that meet.
    for (const int first : {n_tasks / 20 - 3, n_tasks / 4 + 3, n_tasks / 2 - 1,
                            n_tasks / 4 * 3 + 13, n_tasks - n_jobs}) {
      Meeting meeting(n_jobs);
      std::atomic<bool> lost{false};
      Parallel parallel({.n_jobs = n_jobs, .backend = "threading"});
      EXPECT_EQ(Sum(parallel, GetParam(),
                    each(range(n_tasks),
                         [&](int i) {
                           return delayed([&, first, n_jobs](int n) {
                             if (n >= first && n < first + n_jobs &&
                                 !meeting.Arrive(kShortPatience)) {
                               lost = true;
                             }
                             return 1;
                           })(i);
                         })),
                n_tasks);
      ASSERT_FALSE(lost) << n_jobs << " from " << first;
    }
  }
}

TEST_P(StuckNeighbourTest, TheOnlyTasksOfACallMeet) {
  // An input that does not tell its length, so that the engine can't share it
  // out beforehand.
  struct Unsized {
    Range<int>::iterator begin() { return range(n).begin(); }
    Range<int>::iterator end() { return range(n).end(); }
    int n;
  };
  for (const int n_jobs : {2, 3, 4}) {
    for (const char* window : {"2 * n_jobs", "all", "64"}) {
      for (int round = 0; round < 20; ++round) {
        Meeting meeting(n_jobs);
        Parallel parallel(
            {.n_jobs = n_jobs, .backend = "threading", .pre_dispatch = window});
        ASSERT_EQ(Sum(parallel, GetParam(),
                      each(Unsized{n_jobs},
                           [&](int) {
                             return delayed([&] {
                               return meeting.Arrive(kShortPatience) ? 1 : 0;
                             })();
                           })),
                  n_jobs)
            << window << " " << round;
      }
    }
  }
}

TEST_P(StuckNeighbourTest, TasksOfOneBatchOfAGivenSizeMeet) {
  for (const int n_jobs : {2, 3, 4}) {
    for (int round = 0; round < 20; ++round) {
      Meeting meeting(n_jobs);
      Parallel parallel({.n_jobs = n_jobs,
                         .backend = "threading",
                         .batch_size = n_jobs,
                         .pre_dispatch = "all"});
      ASSERT_EQ(Sum(parallel, GetParam(),
                    each(range(n_jobs),
                         [&](int) {
                           return delayed([&] {
                             return meeting.Arrive(kShortPatience) ? 1 : 0;
                           })();
                         })),
                n_jobs)
          << round;
    }
  }
}

TEST_P(StuckNeighbourTest, ATaskThatWaitsForAllOthers) {
  constexpr int kTasks = 20000;
  for (const int stuck : {0, 1, 777, kTasks / 2, kTasks - 1}) {
    Count ended;
    Parallel parallel({.n_jobs = 2, .backend = "threading"});
    if (GetParam() == How::kOrdered || GetParam() == How::kUnordered) {
      // The window holds the others back.
      parallel = Parallel(
          {.n_jobs = 2, .backend = "threading", .pre_dispatch = "all"});
    }
    EXPECT_EQ(Sum(parallel, GetParam(),
                  each(range(kTasks),
                       [&](int i) {
                         return delayed([&, stuck](int n) {
                           if (n == stuck) {
                             return ended.WaitFor(kTasks - 1) ? 1 : 0;
                           }
                           ended.Add();
                           return 1;
                         })(i);
                       })),
              kTasks)
        << stuck;
  }
}

// What was read runs although the reader is stuck in the input: nothing is left
// for that thread to do later.
TEST_P(StuckNeighbourTest, AnInputThatWaitsForTheFirstTasks) {
  struct Unsized {
    Range<int>::iterator begin() { return range(20).begin(); }
    Range<int>::iterator end() { return range(20).end(); }
  };
  for (const bool batches_of_one : {true, false}) {
    for (int round = 0; round < 20; ++round) {
      Count ended;
      ParallelOptions options = {.n_jobs = 2, .backend = "threading"};
      if (batches_of_one) options.batch_size = 1;
      Parallel parallel(options);
      bool lost = false;
      EXPECT_EQ(Sum(parallel, GetParam(),
                    each(Unsized(),
                         [&](int i) {
                           if (i >= 2 && !ended.WaitFor(2)) lost = true;
                           return delayed([&ended] {
                             ended.Add();
                             return 1;
                           })();
                         })),
                20);
      ASSERT_FALSE(lost) << batches_of_one;
    }
  }
}

std::string NameOf(const ::testing::TestParamInfo<How>& info) {
  static constexpr const char* kNames[] = {"List", "Collect", "Ordered",
                                           "Unordered"};
  return kNames[static_cast<int>(info.param)];
}

INSTANTIATE_TEST_SUITE_P(Every, StuckNeighbourTest,
                         ::testing::Values(How::kList, How::kCollect,
                                           How::kOrdered, How::kUnordered),
                         NameOf);

// A result is its reader's although a task of the same batch still runs.
TEST(StuckResultTest, ATaskThatWaitsForTheReader) {
  for (const bool ordered : {true, false}) {
    Count taken;
    std::atomic<bool> lost{false};
    Parallel parallel(
        {.n_jobs = 2, .backend = "threading", .pre_dispatch = 64});
    auto tasks = each(range(20000), [&](int i) {
      return delayed([&](int n) {
        // Only one waits at a time: the window is smaller.
        if (n % 100 == 99 && !taken.WaitFor(n)) lost = true;
      })(i);
    });
    auto results = ordered ? parallel.generator(tasks)
                           : parallel.generator_unordered(tasks);
    for (auto it = results.begin(); it != results.end(); ++it) taken.Add();
    EXPECT_FALSE(lost) << ordered;
  }
}

TEST(StuckResultTest, AnUnorderedResultDoesNotWaitForItsSlowBatchMate) {
  // A batch of fast tasks and a stuck one at its end.
  testing::Gate release;
  Parallel parallel({.n_jobs = 2,
                     .backend = "threading",
                     .batch_size = 8,
                     .pre_dispatch = 8});
  int n = 0;
  for (const int result :
       parallel.generator_unordered(each(range(8), [&](int i) {
         return delayed([&release](int k) {
           if (k == 7) release.Wait(kShortPatience);
           return k;
         })(i);
       }))) {
    if (result == 7) {
      EXPECT_TRUE(release.is_open());
    }
    if (++n == 7) release.Open();
  }
  EXPECT_EQ(n, 8);
}

}  // namespace
}  // namespace joblib
