// Sleeping on a word of memory, and waking who sleeps on it.
//
//   while (word.load(std::memory_order_acquire) == kEmpty) {
//     FutexWait(word, kEmpty, std::nullopt);
//   }
//   ...
//   word.store(kFull, std::memory_order_release);  // Another thread.
//   FutexWake(word, 1);
//
// Within one process. No wake-up is lost between the waiter's look at the word
// and its sleep, as long as the word changes before FutexWake is called. Both
// order nothing else: the word's own loads and stores do.
//
// Without threads (wasm32) nobody could ever change the word: a wait that would
// sleep ends the program with words instead of hanging it. On a browser's main
// thread (wasm32-threads) a wait spins, handling only what other threads ask of
// that thread: don't wait there.
//
// Sources: futex(2); emscripten/threading.h.
#ifndef JOBLIB_NATIVE_FUTEX_H_
#define JOBLIB_NATIVE_FUTEX_H_

#include <atomic>
#include <chrono>
#include <climits>
#include <cstdint>
#include <optional>

namespace joblib::native {

inline constexpr int kWakeAll = INT_MAX;

// Sleeps while `word` is `expected`, until woken or `timeout` is over (unset:
// never). May come back for no reason: look at the word again. Returns at once
// where the word differs or `timeout` is zero or less.
void FutexWait(const std::atomic<std::uint32_t>& word, std::uint32_t expected,
               std::optional<std::chrono::nanoseconds> timeout);

// Wakes at most `n` threads that sleep on `word`. With no sleeper it costs a
// system call all the same: keep in the word whether anyone sleeps. `word` is
// only named, never read: it may be gone when the call is made, its memory used
// for something else, whose sleepers must then bear a wake-up for no reason.
void FutexWake(std::atomic<std::uint32_t>& word, int n);

}  // namespace joblib::native

#endif  // JOBLIB_NATIVE_FUTEX_H_
