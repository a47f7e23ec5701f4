#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include "gtest/gtest.h"
#include "native/heavy_fence.h"

namespace joblib::native {
namespace {

class HeavyFenceThreadsTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!HeavyFenceAvailable()) GTEST_SKIP() << "not in this build";
  }
};

// Both threads store to their own word and read the other's. Without fences
// both read 0 in some of the rounds, as the stores wait in the cores' buffers.
TEST_F(HeavyFenceThreadsTest, OneOfTheTwoSeesTheOther) {
  constexpr int kRounds = 10'000;
  std::atomic<int> x = 0;
  std::atomic<int> y = 0;
  std::atomic<int> round = 0;
  std::atomic<int> done = 0;
  int seen_by_light = 0;
  std::thread light([&] {
    for (int i = 1; i <= kRounds; ++i) {
      while (round.load(std::memory_order_acquire) != i) {
        std::this_thread::yield();  // There may be one core for both.
      }
      x.store(i, std::memory_order_relaxed);
      LightFence();
      seen_by_light = y.load(std::memory_order_relaxed);
      done.store(i, std::memory_order_release);
    }
  });
  int n_blind = 0;
  for (int i = 1; i <= kRounds; ++i) {
    round.store(i, std::memory_order_release);
    y.store(i, std::memory_order_relaxed);
    HeavyFence();
    const int seen_by_heavy = x.load(std::memory_order_relaxed);
    while (done.load(std::memory_order_acquire) != i) {
      std::this_thread::yield();
    }
    if (seen_by_heavy != i && seen_by_light != i) ++n_blind;
  }
  light.join();
  EXPECT_EQ(n_blind, 0);
}

TEST_F(HeavyFenceThreadsTest, WorksInAForkedChild) {
  const pid_t child = fork();
  if (child == 0) {
    HeavyFence();  // Would abort.
    _exit(HeavyFenceAvailable() ? 0 : 1);
  }
  ASSERT_GT(child, 0);
  int status = -1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace joblib::native
