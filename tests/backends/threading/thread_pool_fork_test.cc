// fork() in a program whose pool has threads: the child has none of them.
#include <sys/wait.h>
#include <unistd.h>

#include <functional>
#include <thread>

#include "gtest/gtest.h"
#include "joblib/joblib.h"
#include "tests/backends/threading/pool_calls.h"

namespace joblib {
namespace {

using testing::AllAreIdle;
using testing::EmptyThePool;
using testing::Gate;
using testing::Meet;
using testing::Pool;

// Runs `program` in a child; its exit code, or minus the signal that killed it,
// which is SIGALRM if it hangs.
int InAChild(const std::function<int()>& program) {
  const pid_t child = fork();
  if (child == 0) {
    alarm(30);
    _exit(program());
  }
  int status = 0;
  if (child < 0 || waitpid(child, &status, 0) != child) return -1000;
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

// In the child: calls of every kind work, with threads of its own.
int UseThePool() {
  if (Pool().size() != 0 || Pool().n_idle() != 0) return 1;
  if (Meet(3).size() != 3 || Pool().size() != 2) return 2;
  Parallel parallel({.n_jobs = 3, .backend = "threading"});
  const auto tasks = [] {
    return each(range(1000),
                [](int i) { return delayed([](int n) { return n; })(i); });
  };
  if (parallel(tasks()).back() != 999) return 3;
  int n = 0;
  for (const int result : parallel.generator(tasks())) n += result == n;
  if (n != 1000) return 4;
  shutdown();
  return ::testing::Test::HasFailure() ? 5 : 0;
}

TEST(ThreadPoolForkTest, TheChildOfAProgramWithIdleThreadsStartsItsOwn) {
  Meet(4);
  ASSERT_TRUE(AllAreIdle());
  EXPECT_EQ(InAChild(UseThePool), 0);
  EXPECT_EQ(Pool().size(), 3);
  Meet(4);
  EXPECT_EQ(Pool().size(), 3);
}

TEST(ThreadPoolForkTest, TheChildOfAProgramThatNeverCalledToo) {
  // As good as: whatever runs in this process, the pool is empty.
  EmptyThePool();
  EXPECT_EQ(InAChild(UseThePool), 0);
  EXPECT_EQ(Pool().size(), 0);
}

TEST(ThreadPoolForkTest, TheChildOfACallInProgressToo) {
  Gate running, release;
  std::thread caller([&] {
    Parallel({.n_jobs = 2, .backend = "threading"})(each(range(2), [&](int i) {
      return delayed([&](int task) {
        if (task == 1) running.Open();
        EXPECT_TRUE(release.Wait());
      })(i);
    }));
  });
  EXPECT_TRUE(running.Wait());
  EXPECT_EQ(InAChild(UseThePool), 0);
  release.Open();
  caller.join();
}

TEST(ThreadPoolForkTest, AChildOfAChildToo) {
  Meet(3);
  EXPECT_EQ(InAChild([] {
              const int first = UseThePool();
              Meet(3);
              return first != 0 ? first : InAChild(UseThePool);
            }),
            0);
}

TEST(ThreadPoolForkTest, AManyTimesForkingProgramKeepsItsThreads) {
  for (int round = 0; round < 20; ++round) {
    ASSERT_EQ(InAChild(UseThePool), 0) << round;
    Meet(3);
    ASSERT_TRUE(AllAreIdle());
  }
  EXPECT_LE(Pool().size(), 3);
}

}  // namespace
}  // namespace joblib
