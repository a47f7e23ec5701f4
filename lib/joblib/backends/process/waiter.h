// Waiter: whether it is worth to look for a while before going to sleep.
//
// A sleep and a wake-up cost some 50 us, so that looking for up to 20 us before
// it pays where work comes that soon; where the last wait was longer than that,
// the next one will be, too, and looking would only take the core from whoever
// is to bring the work. So an idle pool, a first wake-up and tasks longer than
// a wake-up never pay for it.
//
// Source of the limit: tests/benchmarks, the rows "batch_size=1" (20 us beats 5
// by 3 x), "tasks of 30 us" (200 us halves the speed).
#ifndef JOBLIB_BACKENDS_PROCESS_WAITER_H_
#define JOBLIB_BACKENDS_PROCESS_WAITER_H_

#include <chrono>
#include <thread>

namespace joblib::internal {

class Waiter {
 public:
  using Clock = std::chrono::steady_clock;
  static constexpr std::chrono::microseconds kSpin{20};

  // The next wait will be long: its workers are asleep, or start.
  void ExpectLong() { last_ = Clock::duration::max(); }
  // Looks until ready() or until it is time to sleep; what ready() said last.
  // Begins a wait that End() ends.
  template <class Ready>
  bool Look(Ready ready) {
    start_ = Clock::now();
    if (last_ >= 2 * kSpin) return ready();
    do {
      for (int i = 0; i < kLooksPerClockRead; ++i) {
        if (ready()) return true;
        Pause();
      }
      // Whoever is to bring the work may be waiting for this very core.
      std::this_thread::yield();
    } while (Clock::now() - start_ < kSpin);
    return ready();
  }
  void End() { last_ = Clock::now() - start_; }

 private:
  static constexpr int kLooksPerClockRead = 16;
  static void Pause() {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
  }

  Clock::duration last_{};
  Clock::time_point start_;
};

}  // namespace joblib::internal

#endif  // JOBLIB_BACKENDS_PROCESS_WAITER_H_
