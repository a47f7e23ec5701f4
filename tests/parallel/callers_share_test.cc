// HAZARDS.md T2: n_jobs is a true bound, the caller is one of the workers or
// only waits, and it runs tasks of its own call alone.
#include <atomic>
#include <chrono>
#include <mutex>
#include <set>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "joblib/joblib.h"
#include "tests/testing/gates.h"

namespace joblib {
namespace {

using testing::Crowd;
using testing::Gate;
using testing::Meeting;

// Some work whose length depends on the task.
void Work(int n) {
  volatile int sink = 0;
  for (int i = 0; i < n % 13 * 500; ++i) sink = sink + i;
}

TEST(CallersShareTest, NoMoreThanNJobsTasksRunAtOnce) {
  for (const int n_jobs : {2, 3, 5}) {
    for (const bool caller_runs : {true, false}) {
      Crowd crowd;
      Parallel({.n_jobs = n_jobs,
                .backend = "threading",
                .backend_params = {{"caller_runs", caller_runs}}})(
          each(range(3000), [&](int i) {
            return delayed([&crowd](int n) {
              const Crowd::Visit visit(crowd);
              Work(n);
            })(i);
          }));
      EXPECT_LE(crowd.most(), n_jobs);
    }
  }
}

TEST(CallersShareTest, AllNJobsWorkersWork) {
  for (const int n_jobs : {2, 3, 5}) {
    for (const bool caller_runs : {true, false}) {
      Meeting all(n_jobs);
      std::mutex mutex;
      std::set<std::thread::id> threads;
      std::set<int> workers;
      Parallel({.n_jobs = n_jobs,
                .backend = "threading",
                .backend_params = {{"caller_runs", caller_runs}}})(
          each(range(n_jobs), [&](int) {
            return delayed([&] {
              EXPECT_TRUE(all.Arrive());
              const std::lock_guard<std::mutex> lock(mutex);
              threads.insert(std::this_thread::get_id());
              workers.insert(worker_index());
            })();
          }));
      EXPECT_EQ(threads.size(), n_jobs);
      EXPECT_EQ(threads.count(std::this_thread::get_id()), caller_runs ? 1 : 0);
      EXPECT_EQ(workers.size(), n_jobs);
      EXPECT_EQ(*workers.begin(), 0);
      EXPECT_EQ(*workers.rbegin(), n_jobs - 1);
    }
  }
}

TEST(CallersShareTest, WhereItsHelpWouldChangeMeaningTheCallerOnlyWaits) {
  const auto caller = std::this_thread::get_id();
  const auto runs_on_caller = [&](ParallelOptions options) {
    options.n_jobs = 2;
    options.backend = "threading";
    std::atomic<bool> on_caller{false};
    Parallel parallel(options);
    parallel(each(range(500), [&](int) {
      return delayed([&] {
        if (std::this_thread::get_id() == caller) on_caller = true;
      })();
    }));
    for (int n : parallel.generator(each(range(100), [&](int) {
           return delayed([&] {
             if (std::this_thread::get_id() == caller) on_caller = true;
             return 0;
           })();
         }))) {
      (void)n;
    }
    return on_caller.load();
  };
  EXPECT_FALSE(runs_on_caller({.timeout = 60}));
  EXPECT_FALSE(runs_on_caller({.task_timeout = 60}));
  EXPECT_FALSE(runs_on_caller({.progress = [](const Progress&) {}}));
  EXPECT_FALSE(runs_on_caller({.stop_token = StopSource().token()}));
  EXPECT_FALSE(runs_on_caller({.backend_params = {{"caller_runs", false}}}));
  ::testing::internal::CaptureStderr();
  EXPECT_FALSE(runs_on_caller({.verbose = 1}));
  ::testing::internal::GetCapturedStderr();
}

TEST(CallersShareTest, ACallerRunsTasksOfItsOwnCallOnly) {
  constexpr int kCallers = 4;
  std::atomic<int> strangers{0};
  std::vector<std::thread> callers;
  for (int c = 0; c < kCallers; ++c) {
    callers.emplace_back([&] {
      const auto me = std::this_thread::get_id();
      thread_local int mine = 0;  // The call that this thread makes.
      for (int round = 0; round < 50; ++round) {
        static std::atomic<int> calls{0};
        const int call = ++calls;
        mine = call;
        Parallel({.n_jobs = 3, .backend = "threading"})(
            each(range(100), [&](int i) {
              return delayed([&, me, call](int n) {
                // On the calling thread `mine` names its call; elsewhere 0.
                if (std::this_thread::get_id() != me && mine != 0) ++strangers;
                if (std::this_thread::get_id() == me && mine != call) {
                  ++strangers;
                }
                Work(n);
              })(i);
            }));
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(strangers, 0);
}

// A thread whose stack is nearly used up must not run tasks, which may count on
// what a thread usually has.
int WithLittleStack(const std::function<void()>& f) {
  volatile char used[3 << 20];
  used[0] = 1;
  f();
  return used[0];
}

TEST(CallersShareTest, ACallerWithLittleStackOnlyWaits) {
  std::thread([] {
    const auto caller = std::this_thread::get_id();
    std::atomic<bool> on_caller{false};
    WithLittleStack([&] {
      Parallel({.n_jobs = 2, .backend = "threading"})(
          each(range(1000), [&](int) {
            return delayed([&] {
              if (std::this_thread::get_id() == caller) on_caller = true;
            })();
          }));
    });
    EXPECT_FALSE(on_caller);
  }).join();
}

TEST(CallersShareTest, NestedCallsCannotStarveEachOther) {
  // Each of 4 tasks makes a call whose 3 tasks must run at once.
  std::atomic<int> met{0};
  Parallel({.n_jobs = 4, .backend = "threading"})(each(range(4), [&](int) {
    return delayed([&met] {
      Meeting all(3);
      Parallel({.n_jobs = 3, .backend = "threading"})(each(range(3), [&](int) {
        return delayed([&] {
          if (all.Arrive()) ++met;
        })();
      }));
    })();
  }));
  EXPECT_EQ(met, 12);
}

TEST(CallersShareTest, EightCallersEachWithItsOwnConfiguration) {
  std::vector<std::thread> callers;
  std::atomic<int> wrong{0};
  for (int c = 1; c <= 8; ++c) {
    callers.emplace_back([c, &wrong] {
      parallel_config scope({.backend = "threading", .n_jobs = c});
      for (int round = 0; round < 20; ++round) {
        Meeting all(c);
        Crowd crowd;
        Parallel()(each(range(c), [&](int) {
          return delayed([&] {
            const Crowd::Visit visit(crowd);
            if (!all.Arrive()) ++wrong;
          })();
        }));
        if (crowd.most() != c) ++wrong;
        if (get_active_backend().n_jobs.value().value != c) ++wrong;
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(wrong, 0);
}

}  // namespace
}  // namespace joblib
