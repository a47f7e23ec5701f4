#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <thread>
#include <vector>

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

// Both threads count up in their own word and then read the other's. If the
// heavy side missed step j of the light one, then that step must have seen what
// the heavy side had written before. Returns how often it had not. Without
// fences that happens now and then, as stores wait in the buffers of the cores.
int CountBlindSteps() {
  constexpr std::uint32_t kLightSteps = 2'000'000;
  alignas(64) std::atomic<std::uint32_t> light_word = 0;
  alignas(64) std::atomic<std::uint32_t> heavy_word = 0;
  std::vector<std::uint32_t> seen_by_light(kLightSteps + 1);
  std::vector<std::uint32_t> seen_by_heavy = {0};
  std::thread light([&] {
    while (heavy_word.load() == 0) std::this_thread::yield();
    for (std::uint32_t j = 1; j <= kLightSteps; ++j) {
      light_word.store(j, std::memory_order_relaxed);
      LightFence();
      seen_by_light[j] = heavy_word.load(std::memory_order_relaxed);
    }
  });
  while (seen_by_heavy.back() < kLightSteps) {
    heavy_word.store(static_cast<std::uint32_t>(seen_by_heavy.size()),
                     std::memory_order_relaxed);
    HeavyFence();
    seen_by_heavy.push_back(light_word.load(std::memory_order_relaxed));
  }
  light.join();
  int n_blind = 0;
  for (std::uint32_t i = 1; i < seen_by_heavy.size(); ++i) {
    const std::uint32_t missed = seen_by_heavy[i] + 1;
    if (missed <= kLightSteps && seen_by_light[missed] < i) ++n_blind;
  }
  return n_blind;
}

TEST_F(HeavyFenceThreadsTest, OneOfTheTwoSeesTheOther) {
  // Without the fence, some 3 of 10 find it on a busy machine with two cores.
  for (int i = 0; i < 40; ++i) ASSERT_EQ(CountBlindSteps(), 0);
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
