#include <emscripten/threading.h>

#include <cmath>

#include "native/futex.h"

namespace joblib::native {
namespace {

// Emscripten's functions take a volatile void*, but write nothing.
volatile void* AddressOf(const std::atomic<std::uint32_t>& word) {
  return const_cast<std::atomic<std::uint32_t>*>(&word);
}

}  // namespace

void FutexWait(const std::atomic<std::uint32_t>& word, std::uint32_t expected,
               std::optional<std::chrono::nanoseconds> timeout) {
  double milliseconds = INFINITY;
  if (timeout.has_value()) {
    if (timeout->count() <= 0) return;
    milliseconds = std::chrono::duration<double, std::milli>(*timeout).count();
  }
  emscripten_futex_wait(AddressOf(word), expected, milliseconds);
}

void FutexWake(std::atomic<std::uint32_t>& word, int n) {
  emscripten_futex_wake(AddressOf(word), n);
}

}  // namespace joblib::native
