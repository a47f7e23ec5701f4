#include <cstdio>
#include <cstdlib>

#include "native/futex.h"

namespace joblib::native {

void FutexWait(const std::atomic<std::uint32_t>& word, std::uint32_t expected,
               std::optional<std::chrono::nanoseconds> timeout) {
  if (word.load(std::memory_order_relaxed) != expected) return;
  if (timeout.has_value() && timeout->count() <= 0) return;
  std::fputs(
      "joblib: FutexWait would sleep for ever: this program has one thread, "
      "and nothing else could change the word it waits for\n",
      stderr);
  std::abort();
}

void FutexWake(std::atomic<std::uint32_t>& /*word*/, int /*n*/) {}

}  // namespace joblib::native
