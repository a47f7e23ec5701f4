// Parker: one thread sleeps until another one calls it.
//
// The word that the sleeper waits on holds the flag that says it sleeps: with
// the two apart, a waker that is slow between reading the flag and waking can
// clear the flag of the next sleep, and that sleeper is never woken.
//
// Thread-safety: Park by one thread at a time; Unpark by any.
#ifndef JOBLIB_NATIVE_PARKER_H_
#define JOBLIB_NATIVE_PARKER_H_

#include <atomic>
#include <chrono>
#include <cstdint>
#include <optional>

namespace joblib::native {

class Parker {
 public:
  using Clock = std::chrono::steady_clock;

  // Returns after an Unpark() since the last Park() (at once if it came
  // already) or when `deadline` is over; then false. Everything before the
  // Unpark() is seen. With `may_spin` it looks for some 50 us before it sleeps.
  bool Park(bool may_spin,
            std::optional<Clock::time_point> deadline = std::nullopt);
  void Unpark();
  // Whether an Unpark() would have to wake it, as far as is known now.
  bool asleep() const {
    return word_.load(std::memory_order_relaxed) == kAsleep;
  }

 private:
  static constexpr std::uint32_t kEmpty = 0, kNotified = 1, kAsleep = 2;
  std::atomic<std::uint32_t> word_{kEmpty};
};

// How many threads run tasks, and whether a waiting one may look for a while
// before it sleeps: only where a core would be free anyway.
//
// Thread-safety: any thread.
class BusyThreads {
 public:
  static void Add(int n);
  static bool MaySpin();
  static void ResetAfterFork();
};

}  // namespace joblib::native

#endif  // JOBLIB_NATIVE_PARKER_H_
