#include "native/parker.h"

#include <algorithm>
#include <thread>

#include "native/futex.h"

namespace joblib::native {
namespace {

// About what it costs to be woken. tests/benchmarks/latency_benchmark.cc: 5 us
// misses the next small call of a loop of them, 200 us burns a core for nothing
// on tasks of 30 us.
constexpr std::chrono::microseconds kSpin{50};
constexpr int kLooksPerClockRead = 64;

std::atomic<int> busy_threads{0};

inline void Pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

}  // namespace

bool Parker::Park(bool may_spin, std::optional<Clock::time_point> deadline) {
  if (may_spin && word_.load(std::memory_order_relaxed) == kEmpty) {
    const Clock::time_point until = Clock::now() + kSpin;
    do {
      for (int i = 0; i < kLooksPerClockRead; ++i) {
        if (word_.load(std::memory_order_relaxed) != kEmpty) break;
        Pause();
      }
    } while (word_.load(std::memory_order_relaxed) == kEmpty &&
             Clock::now() < until);
  }
  for (;;) {
    std::uint32_t seen = kNotified;
    if (word_.compare_exchange_strong(seen, kEmpty,
                                      std::memory_order_acquire)) {
      return true;
    }
    std::optional<std::chrono::nanoseconds> left;
    if (deadline.has_value()) {
      left = *deadline - Clock::now();
      if (left->count() <= 0) {
        // The last look: an Unpark() that came by now counts.
        return word_.exchange(kEmpty, std::memory_order_acquire) == kNotified;
      }
    }
    if (seen == kAsleep || word_.compare_exchange_strong(
                               seen, kAsleep, std::memory_order_relaxed)) {
      FutexWait(word_, kAsleep, left);
    }
  }
}

void Parker::Unpark() {
  if (word_.exchange(kNotified, std::memory_order_release) == kAsleep) {
    FutexWake(word_, 1);
  }
}

void BusyThreads::Add(int n) {
  busy_threads.fetch_add(n, std::memory_order_relaxed);
}

bool BusyThreads::MaySpin() {
  static const int kCores =
      std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
  return busy_threads.load(std::memory_order_relaxed) < kCores;
}

void BusyThreads::ResetAfterFork() { busy_threads.store(0); }

}  // namespace joblib::native
