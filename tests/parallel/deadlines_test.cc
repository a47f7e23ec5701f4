// HAZARDS.md T4: `timeout` of a call and `task_timeout` of its tasks.
#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <set>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "joblib/backends/platform.h"
#include "joblib/joblib.h"
#include "tests/testing/gates.h"
#include "tests/testing/warning_collector.h"

namespace joblib {
namespace {

using ::testing::AllOf;
using testing::Crowd;
using ::testing::ElementsAre;
using testing::Gate;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::Meeting;
using ::testing::SizeIs;
using testing::WarningCollector;

TEST(TimeoutTest, OnlyTheCallingThreadReadsTheInput) {
  const auto caller = std::this_thread::get_id();
  std::atomic<int> elsewhere{0};
  Parallel parallel({.n_jobs = 3, .backend = "threading", .timeout = 60});
  const auto input = [&] {
    return each(range(3000), [&](int i) {
      if (std::this_thread::get_id() != caller) ++elsewhere;
      return delayed([](int n) { return n; })(i);
    });
  };
  EXPECT_THAT(parallel(input()), SizeIs(3000));
  EXPECT_THAT(parallel.collect(input()), SizeIs(3000));
  int n = 0;
  for (int r : parallel.generator(input())) EXPECT_EQ(r, n++);
  EXPECT_EQ(n, 3000);
  EXPECT_EQ(elsewhere, 0);
}

// Tasks that outlive their call: all they use is shared.
struct Left {
  Gate release;
  std::atomic<int> ended{0};
};

TEST(TimeoutTest, AbandonedTasksDoNotCountInNJobs) {
  const auto left = std::make_shared<Left>();
  const auto hang = [left](int) {
    return delayed([left] {
      left->release.Wait();
      ++left->ended;
    })();
  };
  for (int round = 0; round < 3; ++round) {
    EXPECT_THROW(
        Parallel({.n_jobs = 2, .backend = "threading", .timeout = 0.05})(
            each(range(5), hang)),
        TimeoutError);
    // Both of the next call's workers work, and no third one.
    Meeting both(2);
    Crowd crowd;
    Parallel({.n_jobs = 2, .backend = "threading"})(each(range(200), [&](int) {
      return delayed([&] {
        const Crowd::Visit visit(crowd);
        EXPECT_TRUE(both.Arrive());
      })();
    }));
    EXPECT_EQ(crowd.most(), 2);
  }
  EXPECT_EQ(left->ended, 0);
  left->release.Open();
  // Two of each call were running.
  while (left->ended < 6) std::this_thread::yield();
}

struct Witness {
  std::mutex mutex;
  std::multiset<std::thread::id> destroyed;
};
class Watched {
 public:
  explicit Watched(std::shared_ptr<Witness> w) : witness_(std::move(w)) {}
  Watched(Watched&&) noexcept = default;
  Watched& operator=(Watched&&) noexcept = default;
  ~Watched() {
    if (witness_ == nullptr) return;
    const std::lock_guard<std::mutex> lock(witness_->mutex);
    witness_->destroyed.insert(std::this_thread::get_id());
  }

 private:
  std::shared_ptr<Witness> witness_;
};

TEST(TimeoutTest, WhatWasAResultAlreadyDiesBeforeTheErrorArrives) {
  const auto left = std::make_shared<Left>();
  const auto witness = std::make_shared<Witness>();
  const auto task = [left, witness](int i) {
    return delayed([left, witness](int n) {
      if (n == 2) {
        left->release.Wait();
        ++left->ended;
      }
      return Watched(witness);
    })(i);
  };
  const auto input = std::make_shared<Watched>(witness);
  Parallel parallel({.n_jobs = 2, .backend = "threading", .timeout = 0.1});
  EXPECT_THROW(
      parallel(each(range(3), [task, kept = input](int i) { return task(i); })),
      TimeoutError);
  EXPECT_EQ(input.use_count(), 1);
  {
    const std::lock_guard<std::mutex> lock(witness->mutex);
    EXPECT_EQ(witness->destroyed.size(), 2);
    EXPECT_EQ(witness->destroyed.count(std::this_thread::get_id()), 2);
  }
  left->release.Open();
  while (left->ended < 1) std::this_thread::yield();
}

TEST(TimeoutTest, TheCallbacksOfTheCallAreGoneWhenTheErrorArrives) {
  const auto left = std::make_shared<Left>();
  const auto held = std::make_shared<int>(0);
  EXPECT_THROW(Parallel({.n_jobs = 2,
                         .backend = "threading",
                         .timeout = 0.05,
                         .progress = [held](const Progress&) {}})(
                   each(range(2),
                        [left](int) {
                          return delayed([left] {
                            left->release.Wait();
                            ++left->ended;
                          })();
                        })),
               TimeoutError);
  EXPECT_EQ(held.use_count(), 1);
  left->release.Open();
  while (left->ended < 2) std::this_thread::yield();
}

TEST(TimeoutTest, CollectKeepsTheResultsOfTheOthers) {
  const auto left = std::make_shared<Left>();
  const auto outcomes =
      Parallel({.n_jobs = 2, .backend = "threading", .timeout = 0.2})
          .collect(each(range(6), [left](int i) {
            return delayed([left](int n) {
              if (n == 3) {
                left->release.Wait();
                ++left->ended;
              }
              return n;
            })(i);
          }));
  ASSERT_THAT(outcomes, SizeIs(6));
  for (const int i : {0, 1, 2, 4}) EXPECT_TRUE(outcomes[i].has_value()) << i;
  EXPECT_THROW(outcomes[3].value(), TimeoutError);
  left->release.Open();
  while (left->ended < 1) std::this_thread::yield();
}

// A stop drops the queued batches of its call on the thread that asks for it:
// that says nothing of what this thread does for its own call.
TEST(TimeoutTest, AThreadThatStoppedAnotherCallStaysWithItsTask) {
  if (!internal::ProcessesAvailable()) {
    GTEST_SKIP() << "more threads than the fixed pool of WebAssembly has";
  }
  StopSource stop;
  Meeting both_run(3);
  Gate release_other;
  std::thread other([&] {
    EXPECT_THROW(
        Parallel({.n_jobs = 2,
                  .backend = "threading",
                  .batch_size = 1,
                  .pre_dispatch = "all",
                  .stop_token = stop.token()})(each(range(10),
                                                    [&](int) {
                                                      return delayed([&] {
                                                        both_run.Arrive();
                                                        release_other.Wait();
                                                      })();
                                                    })),
        CancelledError);
  });
  EXPECT_TRUE(both_run.Arrive());
  const auto left = std::make_shared<Left>();
  EXPECT_THROW(Parallel({.n_jobs = 2, .backend = "threading", .timeout = 0.2})(
                   each(range(2),
                        [left, &stop](int i) {
                          return delayed([left, stop](int n) mutable {
                            if (n == 0) stop.request_stop();
                            left->release.Wait();
                            ++left->ended;
                          })(i);
                        })),
               TimeoutError);
  release_other.Open();
  other.join();
  constexpr int kAll = 8;  // More than there are idle threads.
  Meeting all(kAll);
  std::atomic<int> met{0};
  Parallel({.n_jobs = kAll, .backend = "threading"})(
      each(range(kAll), [&](int) {
        return delayed(
            [&] { met += all.Arrive(std::chrono::seconds(10)) ? 1 : 0; })();
      }));
  EXPECT_EQ(met, kAll);
  left->release.Open();
  while (left->ended < 2) std::this_thread::yield();
}

TEST(TimeoutTest, ZeroIsADeadlineAtOnce) {
  const auto left = std::make_shared<Left>();
  EXPECT_THROW(Parallel({.n_jobs = 2, .backend = "threading", .timeout = 0})(
                   each(range(2),
                        [left](int) {
                          return delayed([left] {
                            left->release.Wait();
                            ++left->ended;
                          })();
                        })),
               TimeoutError);
  left->release.Open();
}

TEST(TimeoutTest, ManyShortCallsWithATimeout) {
  Parallel parallel({.n_jobs = 3, .backend = "threading", .timeout = 60});
  for (int round = 0; round < 300; ++round) {
    EXPECT_THAT(parallel(each(
                    range(3),
                    [](int i) { return delayed([](int n) { return n; })(i); })),
                ElementsAre(0, 1, 2));
  }
}

TEST(TaskTimeoutTest, ManyQuickTasksUnderADeadline) {
  for (const char* backend : {"threading", "sequential"}) {
    for (int round = 0; round < 20; ++round) {
      Parallel parallel({.n_jobs = 4, .backend = backend, .task_timeout = 100});
      const auto results = parallel(each(range(2000), [](int i) {
        return delayed([](int n) { return n; })(i);
      }));
      ASSERT_THAT(results, SizeIs(2000));
      ASSERT_EQ(results[1999], 1999);
    }
  }
}

TEST(TaskTimeoutTest, ALateTaskIsToldAndItsErrorIsTheCalls) {
  const WarningCollector warnings;
  for (const char* backend : {"threading", "sequential"}) {
    Parallel parallel({.n_jobs = 2, .backend = backend, .task_timeout = 0.05});
    const auto task = [](int i) {
      return delayed([](int n) {
        while (n == 3 && !stop_requested()) std::this_thread::yield();
        return n;
      })(i);
    };
    EXPECT_THROW(parallel(each(range(6), task)), TimeoutError);
    const auto outcomes = parallel.collect(each(range(6), task));
    ASSERT_THAT(outcomes, SizeIs(6));
    for (int i = 0; i < 6; ++i) {
      EXPECT_EQ(outcomes[i].has_value(), i != 3) << backend << i;
    }
    EXPECT_THAT(outcomes[3].message(),
                AllOf(HasSubstr("task 3"), HasSubstr("0.05")));
  }
  EXPECT_THAT(warnings.messages(), IsEmpty());
}

TEST(TaskTimeoutTest, ALateTaskIsWoken) {
  Gate woken;
  EXPECT_THROW(
      Parallel({.n_jobs = 2, .backend = "threading", .task_timeout = 0.05})(
          each(range(2),
               [&](int i) {
                 return delayed([&](int n) {
                   if (n == 0) return;
                   const auto handle =
                       current_stop_token().on_stop([&] { woken.Open(); });
                   EXPECT_TRUE(woken.Wait());
                 })(i);
               })),
      TimeoutError);
}

TEST(TaskTimeoutTest, ACallMadeByALateTaskIsCancelled) {
  std::atomic<bool> cancelled{false};
  const auto outcomes =
      Parallel({.n_jobs = 2, .backend = "threading", .task_timeout = 0.05})
          .collect(each(range(1), [&](int) {
            return delayed([&] {
              try {
                Parallel({.n_jobs = 2, .backend = "threading"})(
                    each(range(4), [](int) {
                      return delayed([] {
                        while (!stop_requested()) std::this_thread::yield();
                      })();
                    }));
              } catch (const CancelledError&) {
                cancelled = true;
                throw;
              }
            })();
          }));
  EXPECT_TRUE(cancelled);
  EXPECT_FALSE(outcomes[0].has_value());
}

// Takes 1 s: the grace after which a task counts as deaf.
TEST(TaskTimeoutTest, ADeafTaskIsWaitedForWithOneWarning) {
  const WarningCollector warnings;
  Gate never;
  EXPECT_THROW(
      Parallel({.n_jobs = 2, .backend = "threading", .task_timeout = 0.05})(
          each(range(2),
               [&](int i) {
                 return delayed([&](int n) {
                   if (n == 1) never.Wait(std::chrono::milliseconds(2500));
                 })(i);
               })),
      TimeoutError);
  EXPECT_THAT(
      warnings.messages(),
      ElementsAre(AllOf(HasSubstr("task 1"), HasSubstr("stop_requested()"))));
}

}  // namespace
}  // namespace joblib
