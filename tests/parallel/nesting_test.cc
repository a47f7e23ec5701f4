// HAZARDS.md T3 and T5: what nested calls use depends on the task's level, not
// on the thread that runs it; an abort reaches them at any depth.
#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <typeinfo>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "joblib/joblib.h"
#include "tests/testing/gates.h"
#include "tests/testing/warning_collector.h"

namespace joblib {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using testing::Gate;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::WarningCollector;

std::string Active() {
  const auto backend = get_active_backend().backend;
  const ParallelBackendBase& b = *backend;
  std::string name = "other";
  if (typeid(b) == typeid(ThreadingBackend)) name = "threading";
  if (typeid(b) == typeid(SequentialBackend)) name = "sequential";
  return name + std::to_string(b.nesting_level());
}

// What is active in a task, and in a task of a call made there.
std::string TwoLevels() {
  std::string text = Active();
  for (const std::string& inner : Parallel({.n_jobs = 2})(each(
           range(3), [](int) { return delayed([] { return Active(); })(); }))) {
    text += " " + inner;
  }
  return text;
}

TEST(NestingTest, TheLevelDecidesNotTheThread) {
  for (int round = 0; round < 500; ++round) {
    ASSERT_THAT(Parallel({.n_jobs = 2, .backend = "threading"})(
                    each(range(4), [](int) { return delayed(TwoLevels)(); })),
                Each("threading1 sequential2 sequential2 sequential2"));
  }
}

// A chain of calls, one inside the other: 't' on two threads, 's' sequential,
// 'g' a generator on threads. At its end a task that waits to be stopped.
struct Chain {
  Gate deep;                       // The innermost task runs.
  Gate woken;                      // It heard of the stop.
  std::atomic<bool> asked{false};  // stop_requested() there.
  std::atomic<int> cancelled{0};   // Calls that ended with CancelledError.
  std::atomic<int> began{0};
};

void Descend(Chain& chain, const std::string& kinds) {
  if (kinds.empty()) {
    if (chain.began++ > 0) return;  // A batch-mate of the one that waits.
    Gate stop;
    const auto handle = current_stop_token().on_stop([&stop] { stop.Open(); });
    chain.deep.Open();
    if (stop.Wait(std::chrono::seconds(20))) chain.woken.Open();
    chain.asked = stop_requested();
    return;
  }
  const auto task = [&chain, rest = kinds.substr(1)](int) {
    return delayed([&chain, rest](int) {
      Descend(chain, rest);
      return 0;
    })(0);
  };
  try {
    switch (kinds[0]) {
      case 't':
        Parallel({.n_jobs = 2, .backend = "threading"})(each(range(50), task));
        break;
      case 's':
        Parallel({.n_jobs = 1})(each(range(50), task));
        break;
      case 'g':
        for (int n : Parallel({.n_jobs = 2, .backend = "threading"})
                         .generator(each(range(50), task))) {
          (void)n;
        }
        break;
    }
  } catch (const CancelledError&) {
    ++chain.cancelled;
    throw;
  }
}

class AbortReachesDownTest : public ::testing::TestWithParam<std::string> {};

TEST_P(AbortReachesDownTest, AnErrorBesidesWakesTheInnermostTask) {
  const WarningCollector warnings;
  Chain chain;
  EXPECT_THROW(Parallel({.n_jobs = 2, .backend = "threading"})(
                   each(range(2),
                        [&](int i) {
                          return delayed([&](int n) {
                            if (n == 1) {
                              Descend(chain, GetParam());
                              return;
                            }
                            EXPECT_TRUE(chain.deep.Wait());
                            throw 42;
                          })(i);
                        })),
               int);
  EXPECT_TRUE(chain.woken.is_open());
  EXPECT_TRUE(chain.asked);
  EXPECT_GE(chain.cancelled, GetParam().size());
  EXPECT_THAT(warnings.messages(), IsEmpty());
}

TEST_P(AbortReachesDownTest, AStopTokenOfTheOutermostWakesTheInnermostTask) {
  const WarningCollector warnings;
  for (const char* backend : {"threading", "sequential"}) {
    Chain chain;
    StopSource source;
    std::thread stopper([&] {
      EXPECT_TRUE(chain.deep.Wait());
      source.request_stop();
    });
    EXPECT_THROW(
        Parallel(
            {.n_jobs = 2, .backend = backend, .stop_token = source.token()})(
            each(range(1),
                 [&](int) {
                   return delayed([&] { Descend(chain, GetParam()); })();
                 })),
        CancelledError);
    stopper.join();
    EXPECT_TRUE(chain.woken.is_open()) << backend;
    EXPECT_TRUE(chain.asked);
    EXPECT_GE(chain.cancelled, GetParam().size());
  }
}

TEST_P(AbortReachesDownTest, ATimeoutWakesTheInnermostTask) {
  // Shared: the tasks outlive the call.
  const auto chain = std::make_shared<Chain>();
  const auto over = std::make_shared<Gate>();
  EXPECT_THROW(Parallel({.n_jobs = 2, .backend = "threading", .timeout = 0.1})(
                   each(range(2),
                        [chain, over](int i) {
                          return delayed([chain, over](int n) {
                            if (n == 1) return;
                            try {
                              Descend(*chain, GetParam());
                            } catch (const CancelledError&) {
                            }
                            over->Open();
                          })(i);
                        })),
               TimeoutError);
  EXPECT_TRUE(over->Wait());
  EXPECT_TRUE(chain->woken.is_open());
  EXPECT_GE(chain->cancelled, GetParam().size());
}

INSTANTIATE_TEST_SUITE_P(Chains, AbortReachesDownTest,
                         ::testing::Values("t", "s", "g", "tt", "st", "ts",
                                           "ss", "gt", "tg", "sg", "sst", "tst",
                                           "tsst", "gsgt"),
                         [](const auto& info) { return info.param; });

TEST(AbortTest, ACallMadeByATaskOfAnAbortedCallReadsNothing) {
  Gate throwing;
  std::atomic<int> read{0};
  std::atomic<bool> cancelled{false};
  EXPECT_THROW(Parallel({.n_jobs = 2, .backend = "threading"})(each(
                   range(2),
                   [&](int i) {
                     return delayed([&](int n) {
                       if (n == 0) {
                         throwing.Wait();
                         throw 42;
                       }
                       throwing.Open();
                       Gate stop;
                       const auto handle = current_stop_token().on_stop(
                           [&stop] { stop.Open(); });
                       EXPECT_TRUE(stop.Wait());
                       for (const int n_jobs : {1, 2}) {
                         try {
                           Parallel({.n_jobs = n_jobs, .backend = "threading"})(
                               each(range(5), [&](int) {
                                 ++read;
                                 return delayed([] {})();
                               }));
                           ADD_FAILURE();
                         } catch (const CancelledError&) {
                           cancelled = true;
                         }
                       }
                     })(i);
                   })),
               int);
  EXPECT_TRUE(cancelled);
  EXPECT_EQ(read, 0);
}

TEST(AbortTest, RunningTasksAreWaitedFor) {
  // What they use stays valid.
  for (int round = 0; round < 200; ++round) {
    auto local = std::make_unique<std::atomic<int>>(0);
    Gate other_runs;
    EXPECT_THROW(Parallel({.n_jobs = 2, .backend = "threading"})(
                     each(range(2),
                          [&](int i) {
                            return delayed([&](int n) {
                              if (n == 0) {
                                other_runs.Wait();
                                throw 42;
                              }
                              std::atomic<int>& mine = *local;
                              other_runs.Open();
                              while (!stop_requested())
                                std::this_thread::yield();
                              for (int k = 0; k < 1000; ++k) ++mine;
                            })(i);
                          })),
                 int);
    EXPECT_EQ(*local, 1000);
    local.reset();
  }
}

}  // namespace
}  // namespace joblib
