#include <atomic>
#include <chrono>
#include <cstdint>
#include <optional>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "native/futex.h"

namespace joblib::native {
namespace {

using std::chrono_literals::operator""ms;
using Clock = std::chrono::steady_clock;

TEST(FutexThreadsTest, ATimeoutIsNotOverEarly) {
  std::atomic<std::uint32_t> word = 0;
  const auto start = Clock::now();
  // A wake-up for no reason is allowed: what counts is the sum of the waits.
  for (auto left = 20ms; left > 0ms;
       left = 20ms - std::chrono::duration_cast<std::chrono::milliseconds>(
                         Clock::now() - start)) {
    FutexWait(word, 0, left);
  }
  EXPECT_GE(Clock::now() - start, 20ms);
}

// Each thread sleeps until the other one has had its turn.
TEST(FutexThreadsTest, NoWakeUpIsLost) {
  constexpr std::uint32_t kTurns = 20'000;
  std::atomic<std::uint32_t> turn = 0;
  const auto play = [&](std::uint32_t mine) {
    for (std::uint32_t t = mine; t < kTurns; t += 2) {
      for (;;) {
        const std::uint32_t seen = turn.load();
        if (seen == t) break;
        FutexWait(turn, seen, std::nullopt);
      }
      turn.store(t + 1);
      FutexWake(turn, 1);
    }
  };
  std::thread other(play, 1);
  play(0);
  other.join();
  EXPECT_EQ(turn.load(), kTurns);
}

TEST(FutexThreadsTest, WakesAllSleepers) {
  std::atomic<std::uint32_t> word = 0;
  std::vector<std::thread> sleepers;
  for (int i = 0; i < 3; ++i) {
    sleepers.emplace_back([&] {
      while (word.load() == 0) FutexWait(word, 0, std::nullopt);
    });
  }
  word.store(1);
  FutexWake(word, kWakeAll);
  for (std::thread& sleeper : sleepers) sleeper.join();
}

}  // namespace
}  // namespace joblib::native
