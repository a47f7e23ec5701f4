#include "joblib/backends/threading/thread_pool.h"

#include <atomic>
#include <set>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "joblib/joblib.h"
#include "tests/backends/threading/pool_calls.h"

namespace joblib {
namespace {

using testing::AllAreIdle;
using ::testing::Contains;
using testing::EmptyThePool;
using testing::Eventually;
using testing::Gate;
using ::testing::Le;
using testing::Meet;
using testing::Pool;
using ::testing::SizeIs;

class ThreadPoolTest : public ::testing::Test {
 protected:
  void SetUp() override { EmptyThePool(); }
};

TEST_F(ThreadPoolTest, CallsReuseTheThreadsOfTheFormerOnes) {
  const std::set<std::thread::id> first = Meet(3);
  EXPECT_THAT(first, Contains(std::this_thread::get_id()));
  EXPECT_EQ(Pool().size(), 2);
  for (int call = 0; call < 50; ++call) {
    ASSERT_TRUE(AllAreIdle());
    EXPECT_EQ(Meet(3), first);
    EXPECT_EQ(Pool().size(), 2);
  }
}

TEST_F(ThreadPoolTest, CallsInARowStartNoThreadForEach) {
  for (int call = 0; call < 200; ++call) Meet(3);
  // A thread that is about to come back may be missed.
  EXPECT_LE(Pool().size(), 6);
}

TEST_F(ThreadPoolTest, CallsWithFewerJobsUseSomeOfThem) {
  const std::set<std::thread::id> all = Meet(4);
  ASSERT_TRUE(AllAreIdle());
  EXPECT_THAT(all, ::testing::IsSupersetOf(Meet(2)));
  EXPECT_EQ(Pool().size(), 3);
}

TEST_F(ThreadPoolTest, ManyJobsStartNoMoreThreadsThanThereAreTasks) {
  Meet(/*n_jobs=*/64, /*n_tasks=*/4);
  EXPECT_EQ(Pool().size(), 3);  // And the caller.
  EmptyThePool();
  Meet(/*n_jobs=*/64, /*n_tasks=*/4, {{"caller_runs", false}});
  EXPECT_EQ(Pool().size(), 4);
}

TEST_F(ThreadPoolTest, ACallOfOneTaskStartsNone) {
  Meet(/*n_jobs=*/64, /*n_tasks=*/1);
  EXPECT_EQ(Pool().size(), 0);
}

TEST_F(ThreadPoolTest, APlainLoopStartsNone) {
  Parallel({.n_jobs = 1, .backend = "threading"})(
      each(range(100), [](int) { return delayed([] {})(); }));
  EXPECT_EQ(Pool().size(), 0);
}

TEST_F(ThreadPoolTest, ShutdownLetsIdleThreadsGo) {
  for (int round = 0; round < 3; ++round) {
    Meet(4);
    ASSERT_TRUE(AllAreIdle());
    EXPECT_EQ(Pool().size(), 3);
    shutdown();
    EXPECT_TRUE(Eventually([] { return Pool().size() == 0; }));
    EXPECT_EQ(Pool().n_idle(), 0);
  }
}

TEST_F(ThreadPoolTest, ShutdownLeavesBusyThreadsAlone) {
  Meet(4);
  ASSERT_TRUE(AllAreIdle());
  Gate running, release;
  std::thread caller([&] {
    Parallel({.n_jobs = 2,
              .backend = "threading",
              .backend_params = {{"caller_runs", false}}})(
        each(range(2), [&](int i) {
          return delayed([&](int task) {
            if (task == 1) running.Open();
            EXPECT_TRUE(release.Wait());
          })(i);
        }));
  });
  EXPECT_TRUE(running.Wait());
  shutdown();
  EXPECT_TRUE(Eventually([] { return Pool().size() == 2; }));
  release.Open();
  caller.join();
  ASSERT_TRUE(AllAreIdle());
  EXPECT_EQ(Pool().size(), 2);
}

TEST_F(ThreadPoolTest, ATaskMayShutDown) {
  const std::vector<int> results = Parallel(
      {.n_jobs = 3, .backend = "threading"})(each(range(100), [](int i) {
    return delayed([](int task) {
      shutdown();
      return task;
    })(i);
  }));
  ASSERT_THAT(results, SizeIs(100));
  EXPECT_EQ(results[99], 99);
}

}  // namespace
}  // namespace joblib
