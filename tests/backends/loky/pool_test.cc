// The life of the kept workers: reused, resized, replaced, idle, ended.
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "joblib/joblib.h"
#include "native/thread.h"
#include "tests/backends/process/children.h"
#include "tests/testing/eventually.h"
#include "tests/testing/scoped_env.h"
#include "tests/testing/shared_counters.h"

namespace joblib::testing {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::Ge;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::IsSubsetOf;
using ::testing::IsSupersetOf;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::ThrowsMessage;

using Clock = std::chrono::steady_clock;
using Pids = std::set<std::int64_t>;

// Starts from no pool.
class PoolTest : public ::testing::Test {
 protected:
  PoolTest() {
    shutdown();
    EXPECT_TRUE(Eventually([] { return Children().empty(); }));
  }
};

int Twice(int n) { return 2 * n; }
bool HasWorkers(std::size_t n) {
  return Eventually([n] { return Children().size() == n; },
                    std::chrono::seconds(20));
}

// Tasks that wait for each other: one on each worker.
std::int64_t Meet(const SharedCounters& arrived, int n) {
  arrived.Add();
  return arrived.AwaitAtLeast(0, n) ? native::ProcessId() : 0;
}
Pids WorkersOf(int n, ParallelOptions options = {}) {
  const auto arrived = SharedCounters::Zeros();
  options.n_jobs = n;
  options.batch_size = 1;
  const std::vector<std::int64_t> pids = Parallel(options)(
      each(range(n), [&](int) { return delayed(Meet)(arrived, n); }));
  EXPECT_THAT(pids, Not(Contains(0)));
  EXPECT_THAT(Pids(pids.begin(), pids.end()), SizeIs(n));
  return {pids.begin(), pids.end()};
}

TEST_F(PoolTest, WorkersAreKept) {
  const Pids first = WorkersOf(2);
  EXPECT_THAT(Children(), ::testing::UnorderedElementsAreArray(first));
  for (int i = 0; i < 20; ++i) EXPECT_EQ(WorkersOf(2), first);
  EXPECT_TRUE(HasWorkers(2));
}

TEST_F(PoolTest, AnExceptionReplacesNobody) {
  const Pids first = WorkersOf(2);
  EXPECT_THROW(Parallel({.n_jobs = 2})
                   .map([](int) { throw std::domain_error("no"); }, range(9)),
               std::domain_error);
  EXPECT_EQ(WorkersOf(2), first);
}

TEST_F(PoolTest, IsResizedKeepingWhoStays) {
  const auto of = [](int n) {
    return WorkersOf(n, {.inner_max_num_threads = 1});
  };
  const Pids two = of(2);
  const Pids four = of(4);
  EXPECT_THAT(four, IsSupersetOf(two));
  EXPECT_TRUE(HasWorkers(4));
  const Pids three = of(3);
  EXPECT_THAT(three, IsSubsetOf(four));
  EXPECT_TRUE(HasWorkers(3));
}

TEST_F(PoolTest, OtherThreadLimitsMeanOtherWorkers) {
  const auto of = [](int limit) {
    return Parallel({.n_jobs = 2, .inner_max_num_threads = limit})
        .map([](int) { return std::string(std::getenv("OMP_NUM_THREADS")); },
             range(2));
  };
  EXPECT_THAT(of(1), ElementsAre("1", "1"));
  EXPECT_THAT(of(3), ElementsAre("3", "3"));
  EXPECT_TRUE(HasWorkers(2));
}

TEST_F(PoolTest, IdleWorkersLeave) {
  const Pids first =
      WorkersOf(2, {.backend_params = {{"idle_worker_timeout", 0.2}}});
  EXPECT_TRUE(AllGone({first.begin(), first.end()}));
  EXPECT_THAT(Children(), IsEmpty());
  const Pids second =
      WorkersOf(2, {.backend_params = {{"idle_worker_timeout", 0.2}}});
  EXPECT_NE(first, second);
  // Not while they are at work.
  EXPECT_THAT(
      Parallel({.n_jobs = 2, .backend_params = {{"idle_worker_timeout", 0.05}}})
          .map(
              [](int n) {
                std::this_thread::sleep_for(std::chrono::milliseconds(300));
                return n;
              },
              range(4)),
      ElementsAre(0, 1, 2, 3));
}

TEST_F(PoolTest, ShutdownEndsTheWorkers) {
  for (int i = 0; i < 5; ++i) {
    const Pids workers = WorkersOf(2);
    shutdown();
    EXPECT_TRUE(AllGone({workers.begin(), workers.end()}));
    EXPECT_THAT(Children(), IsEmpty());
  }
  shutdown();
}

TEST_F(PoolTest, ShutdownLeavesRunningCallsTheirWorkers) {
  auto results = Parallel({.n_jobs = 2}).generator(each(range(100), [](int i) {
    return delayed(Twice)(i);
  }));
  EXPECT_EQ(*results.begin(), 0);
  shutdown();
  int n = 0;
  for (const int result : results) EXPECT_EQ(result, 2 * n++);
  EXPECT_EQ(n, 100);
  EXPECT_TRUE(HasWorkers(0));
}

TEST_F(PoolTest, InitializerRunsOnceInEachWorker) {
  const auto ran = SharedCounters::Zeros();
  static int initialized = 0;
  const auto initializer = delayed([](const SharedCounters& ran) {
    ++initialized;
    ran.Add();
  })(ran);
  const ParallelOptions options = {
      .n_jobs = 2, .backend_params = {{"initializer", initializer}}};
  Parallel parallel(options);
  for (int i = 0; i < 5; ++i) {
    EXPECT_THAT(parallel.map([](int) { return initialized; }, range(4)),
                ElementsAre(1, 1, 1, 1));
  }
  EXPECT_TRUE(Eventually([&] { return ran.Get() == 2; }));
  EXPECT_EQ(initialized, 0);
}

TEST_F(PoolTest, AnInitializerThatFailsIsOneClearError) {
  const auto ran = SharedCounters::Zeros();
  const auto failing = delayed([](const SharedCounters& ran) {
    ran.Add();
    throw std::runtime_error("no licence");
  })(ran);
  const auto call = [&] {
    Parallel({.n_jobs = 2, .backend_params = {{"initializer", failing}}})
        .map(Twice, range(20));
  };
  EXPECT_THAT(call, ThrowsMessage<BrokenProcessPool>(HasSubstr("no licence")));
  EXPECT_LE(ran.Get(), 4);  // No retry loop.
  EXPECT_THAT(Parallel({.n_jobs = 2}).map(Twice, range(2)), ElementsAre(0, 2));
}

TEST_F(PoolTest, AnInitializerThatDiesIsOneClearError) {
  const auto ran = SharedCounters::Zeros();
  const auto deadly = delayed([](const SharedCounters& ran) {
    ran.Add();
    std::raise(SIGKILL);
  })(ran);
  EXPECT_THROW(
      Parallel({.n_jobs = 2, .backend_params = {{"initializer", deadly}}})
          .map(Twice, range(20)),
      TerminatedWorkerError);
  EXPECT_LE(ran.Get(), 6);
  EXPECT_THAT(Parallel({.n_jobs = 2}).map(Twice, range(2)), ElementsAre(0, 2));
}

TEST_F(PoolTest, MoreWorkersThanCores) {
  WorkersOf(8);
  EXPECT_THAT(Children(), SizeIs(8));
}

TEST_F(PoolTest, SeventyWorkers) {
  const Pids first = WorkersOf(70);
  EXPECT_THAT(Children(), SizeIs(70));
  EXPECT_EQ(WorkersOf(70), first);
}

TEST_F(PoolTest, IndicesAndWorkAreSpreadEvenly) {
  constexpr int kTasks = 2000;
  const auto by_index = SharedCounters::Zeros(2);
  Parallel({.n_jobs = 2, .batch_size = 1})(each(range(kTasks), [&](int) {
    return delayed([](const SharedCounters& by_index) {
      by_index.Add(worker_index(), 1);  // Throws for any other.
      const auto until = Clock::now() + std::chrono::microseconds(200);
      while (Clock::now() < until) {
      }
    })(by_index);
  }));
  EXPECT_EQ(by_index.Get(0) + by_index.Get(1), kTasks);
  EXPECT_THAT(by_index.Get(0), Ge(kTasks / 8));
  EXPECT_THAT(by_index.Get(1), Ge(kTasks / 8));
}

// ---- Pools of workers of pools ----

// The error of a call that starts `depth` more levels of workers.
std::string CallDeeper(int depth) {
  if (depth == 0) return "";
  try {
    return Parallel({.n_jobs = 2, .backend = "loky"})(std::vector{
        delayed(CallDeeper)(depth - 1), delayed(CallDeeper)(depth - 1)})[0];
  } catch (const std::exception& error) {
    return error.what();
  }
}

TEST_F(PoolTest, LokyMaxDepthEndsTheLevels) {
  const ScopedEnv limit("LOKY_MAX_DEPTH", "2");
  EXPECT_EQ(CallDeeper(2), "");
  EXPECT_THAT(CallDeeper(3), AllOf(HasSubstr("MAX_DEPTH=2"),
                                   HasSubstr("LOKY_MAX_DEPTH environment")));
  shutdown();
}

// ---- A worker that was stopped ----

// Task 0 stops its own process; the others go on.
int StopSelf(const SharedCounters& seen, int n) {
  if (n == 0) {
    seen.Set(0, native::ProcessId());
    std::raise(SIGSTOP);
  }
  seen.Add(1, 1);
  return n;
}
auto StoppedTasks(const SharedCounters& seen, int n) {
  return each(range(n), [&seen](int i) { return delayed(StopSelf)(seen, i); });
}

TEST_F(PoolTest, AStoppedWorkerHoldsBackItsTaskAlone) {
  for (const int batch_size : {1, 10, 50}) {
    SCOPED_TRACE(batch_size);
    const auto seen = SharedCounters::Zeros(2);
    std::thread goes_on([&] {
      EXPECT_TRUE(seen.AwaitAtLeast(1, 99, std::chrono::seconds(20)));
      EXPECT_EQ(StateOf(seen.Get(0)).state, 'T');
      kill(static_cast<int>(seen.Get(0)), SIGCONT);
    });
    const std::vector<int> results = Parallel(
        {.n_jobs = 2, .batch_size = batch_size, .pre_dispatch = "all"})(
        StoppedTasks(seen, 100));
    goes_on.join();
    ASSERT_THAT(results, SizeIs(100));
    for (int i = 0; i < 100; ++i) EXPECT_EQ(results[i], i);
  }
}

TEST_F(PoolTest, TaskTimeoutEndsAStoppedWorker) {
  const auto seen = SharedCounters::Zeros(2);
  const auto outcomes = Parallel({.n_jobs = 2, .task_timeout = 0.5})
                            .collect(StoppedTasks(seen, 100));
  ASSERT_THAT(outcomes, SizeIs(100));
  EXPECT_THROW(outcomes[0].value(), TimeoutError);
  for (int i = 1; i < 100; ++i) EXPECT_TRUE(outcomes[i].has_value()) << i;
  EXPECT_TRUE(AllGone({seen.Get(0)}));
}

}  // namespace
}  // namespace joblib::testing
