// One pool, several calls at once: of several threads, of one thread, of tasks
// and of callbacks. Nobody waits for what only he could release.
#include <atomic>
#include <chrono>
#include <cstdint>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "joblib/joblib.h"
#include "tests/testing/eventually.h"
#include "tests/testing/gates.h"
#include "tests/testing/shared_counters.h"
#include "tests/testing/warning_collector.h"

namespace joblib::testing {
namespace {

using ::testing::ElementsAre;

int Twice(int n) { return 2 * n; }
auto TwiceTasks(int n) {
  return each(range(n), [](int i) { return delayed(Twice)(i); });
}
bool IsTwice(const std::vector<int>& results, int n) {
  if (static_cast<int>(results.size()) != n) return false;
  for (int i = 0; i < n; ++i) {
    if (results[i] != 2 * i) return false;
  }
  return true;
}

TEST(SharedPoolTest, EightThreadsCallAtOnce) {
  std::atomic<int> n_right{0};
  std::vector<std::thread> callers;
  for (int caller = 0; caller < 8; ++caller) {
    callers.emplace_back([&] {
      for (int round = 0; round < 50; ++round) {
        if (IsTwice(Parallel({.n_jobs = 2})(TwiceTasks(100)), 100)) ++n_right;
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(n_right.load(), 8 * 50);
}

TEST(SharedPoolTest, TwoHundredThreadsCallAtOnce) {
  std::atomic<int> n_right{0};
  std::vector<std::thread> callers;
  for (int caller = 0; caller < 200; ++caller) {
    callers.emplace_back([&] {
      if (IsTwice(Parallel({.n_jobs = 2})(TwiceTasks(20)), 20)) ++n_right;
    });
  }
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(n_right.load(), 200);
}

TEST(SharedPoolTest, AnErrorOfOneCallIsNoOthers) {
  std::atomic<int> n_right{0};
  std::vector<std::thread> callers;
  for (int caller = 0; caller < 4; ++caller) {
    callers.emplace_back([&, caller] {
      for (int round = 0; round < 20; ++round) {
        if (caller != 0) {
          if (IsTwice(Parallel({.n_jobs = 2})(TwiceTasks(50)), 50)) ++n_right;
          continue;
        }
        try {
          Parallel({.n_jobs = 2})
              .map(
                  [](int n) {
                    if (n == 13) std::_Exit(3);
                  },
                  range(50));
        } catch (const TerminatedWorkerError& error) {
          if (error.task_index() == 13) ++n_right;
        }
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(n_right.load(), 4 * 20);
}

// Before the call of a million has done 2 %.
TEST(SharedPoolTest, AShortCallOvertakesALongOne) {
  constexpr int kMany = 1'000'000;
  const auto n_done = SharedCounters::Zeros();
  std::thread long_call([&] {
    Parallel({.n_jobs = 2})(each(range(kMany), [&](int) {
      return delayed([](const SharedCounters& n_done) { n_done.Add(); })(
          n_done);
    }));
  });
  ASSERT_TRUE(n_done.AwaitAtLeast(0, 1000));
  const std::int64_t before = n_done.Get();
  EXPECT_TRUE(IsTwice(Parallel({.n_jobs = 2})(TwiceTasks(10)), 10));
  EXPECT_LT(n_done.Get() - before, kMany / 50);
  long_call.join();
  EXPECT_EQ(n_done.Get(), kMany);
}

TEST(SharedPoolTest, AShortCallNeedsOneWorkerOfAFullPool) {
  const auto gate = SharedGate::Shut();
  const auto arrived = SharedCounters::Zeros();
  const auto wait = [](const SharedGate& gate, const SharedCounters& arrived,
                       int n) {
    arrived.Add();
    return n == 0 ? gate.Wait() : true;
  };
  std::thread long_call([&] {
    const std::vector<bool> opened =
        Parallel({.n_jobs = 2, .batch_size = 1})(each(range(1000), [&](int i) {
          return delayed(wait)(gate, arrived, i);
        }));
    for (const bool was_open : opened) EXPECT_TRUE(was_open);
  });
  ASSERT_TRUE(arrived.AwaitAtLeast(0, 2));
  EXPECT_TRUE(IsTwice(Parallel({.n_jobs = 2})(TwiceTasks(10)), 10));
  gate.Open();
  long_call.join();
}

// ---- One thread, several calls ----

TEST(OneThreadTest, ReadsTwoGeneratorsInTurn) {
  Parallel first({.n_jobs = 2});
  Parallel second({.n_jobs = 2});
  auto ones = first.generator(TwiceTasks(500));
  auto others = second.generator(TwiceTasks(500));
  auto one = ones.begin();
  auto other = others.begin();
  int n = 0;
  for (; one != ones.end() && other != others.end(); ++one, ++other, ++n) {
    ASSERT_EQ(*one, 2 * n);
    ASSERT_EQ(*other, 2 * n);
  }
  EXPECT_EQ(n, 500);
}

TEST(OneThreadTest, CallsBesideHalfReadGenerators) {
  const WarningCollector warnings;  // Of those that are dropped.
  std::vector<Generator<int>> half_read;
  for (int i = 0; i < 5; ++i) {
    half_read.push_back(Parallel({.n_jobs = 2}).generator(TwiceTasks(500)));
    EXPECT_EQ(*half_read.back().begin(), 0);
  }
  EXPECT_TRUE(IsTwice(Parallel({.n_jobs = 2})(TwiceTasks(50)), 50));
}

TEST(OneThreadTest, CallsWhileTheGeneratorsTasksWait) {
  const auto gate = SharedGate::Shut();
  auto waiting = Parallel({.n_jobs = 2, .batch_size = 1})
                     .generator(each(range(2), [&](int) {
                       return delayed([](const SharedGate& gate) {
                         return gate.Wait();
                       })(gate);
                     }));
  // Both workers belong to this thread's own other call.
  EXPECT_TRUE(IsTwice(Parallel({.n_jobs = 2})(TwiceTasks(50)), 50));
  gate.Open();
  for (const bool opened : waiting) EXPECT_TRUE(opened);
}

TEST(OneThreadTest, CallsInsideAnInput) {
  const std::vector<int> results =
      Parallel({.n_jobs = 2})(each(range(30), [](int i) {
        const std::vector<int> inner = Parallel({.n_jobs = 2})(TwiceTasks(10));
        return delayed(Twice)(IsTwice(inner, 10) ? i : -1);
      }));
  EXPECT_TRUE(IsTwice(results, 30));
}

TEST(OneThreadTest, CallsInsideAProgressCallback) {
  int n_right = 0;
  const ProgressCallback progress = [&](const Progress&) {
    if (IsTwice(Parallel({.n_jobs = 2})(TwiceTasks(10)), 10)) ++n_right;
  };
  const std::vector<int> results =
      Parallel({.n_jobs = 2, .progress = progress})(TwiceTasks(30));
  EXPECT_TRUE(IsTwice(results, 30));
  EXPECT_EQ(n_right, 30);
}

TEST(OneThreadTest, CallsInsideAGeneratorsLoop) {
  int n = 0;
  for (const int result : Parallel({.n_jobs = 2}).generator(TwiceTasks(50))) {
    EXPECT_EQ(result, 2 * n++);
    EXPECT_TRUE(IsTwice(Parallel({.n_jobs = 2})(TwiceTasks(10)), 10));
  }
  EXPECT_EQ(n, 50);
}

// ---- Calls of tasks ----

int CallInside(int n) {
  // Threads, below processes.
  const std::vector<int> inner = Parallel({.n_jobs = 2})(TwiceTasks(10));
  return IsTwice(inner, 10) ? n : -1;
}

TEST(NestedTest, TasksCall) {
  EXPECT_THAT(Parallel({.n_jobs = 2}).map(CallInside, range(4)),
              ElementsAre(0, 1, 2, 3));
}

TEST(NestedTest, TasksCallOnWorkersOfTheirOwn) {
  EXPECT_THAT(Parallel({.n_jobs = 2})
                  .map(
                      [](int n) {
                        const std::vector<int> inner = Parallel(
                            {.n_jobs = 2, .backend = "loky"})(TwiceTasks(10));
                        return IsTwice(inner, 10) ? n : -1;
                      },
                      range(4)),
              ElementsAre(0, 1, 2, 3));
}

}  // namespace
}  // namespace joblib::testing
