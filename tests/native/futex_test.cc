#include "native/futex.h"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <optional>

#include "gtest/gtest.h"

namespace joblib::native {
namespace {

using std::chrono_literals::operator""ns;
using std::chrono_literals::operator""h;

TEST(FutexTest, DoesNotSleepOnAnotherValue) {
  std::atomic<std::uint32_t> word = 1;
  FutexWait(word, 0, std::nullopt);
  FutexWait(word, 0, 1h);
}

TEST(FutexTest, ZeroAndNegativeTimeoutsAreOver) {
  std::atomic<std::uint32_t> word = 0;
  FutexWait(word, 0, 0ns);
  FutexWait(word, 0, -1ns);
  FutexWait(word, 0, std::chrono::nanoseconds::min());
}

TEST(FutexTest, WakingNobodyIsFine) {
  std::atomic<std::uint32_t> word = 0;
  FutexWake(word, 1);
  FutexWake(word, kWakeAll);
}

}  // namespace
}  // namespace joblib::native
