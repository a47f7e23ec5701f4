#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <bit>

#include "native/shared_futex.h"

namespace joblib::native {
namespace {

// The kernel reads and compares the word itself.
static_assert(sizeof(std::atomic<std::uint64_t>) == sizeof(std::uint64_t));
static_assert(std::atomic<std::uint64_t>::is_always_lock_free);
static_assert(std::atomic<std::uint32_t>::is_always_lock_free);

// Without FUTEX_PRIVATE_FLAG: the sleepers are other processes.
void Wait(const void* word, std::uint32_t expected,
          std::optional<std::chrono::nanoseconds> timeout) {
  if (!timeout.has_value()) {
    syscall(SYS_futex, word, FUTEX_WAIT, expected, nullptr, nullptr, 0);
    return;
  }
  if (timeout->count() <= 0) return;
  const auto seconds =
      std::chrono::duration_cast<std::chrono::seconds>(*timeout);
  const timespec limit = {
      .tv_sec = static_cast<time_t>(seconds.count()),
      .tv_nsec = static_cast<long>((*timeout - seconds).count())};
  syscall(SYS_futex, word, FUTEX_WAIT, expected, &limit, nullptr, 0);
}

void Wake(void* word, int n) {
  syscall(SYS_futex, word, FUTEX_WAKE, n, nullptr, nullptr, 0);
}

constexpr int kUpperHalf = std::endian::native == std::endian::little ? 4 : 0;

}  // namespace

void SharedFutexWait(const std::atomic<std::uint32_t>& word,
                     std::uint32_t expected,
                     std::optional<std::chrono::nanoseconds> timeout) {
  Wait(&word, expected, timeout);
}

void SharedFutexWake(std::atomic<std::uint32_t>& word, int n) {
  Wake(&word, n);
}

void SharedFutexWaitUpper(const std::atomic<std::uint64_t>& word,
                          std::uint32_t expected,
                          std::optional<std::chrono::nanoseconds> timeout) {
  Wait(reinterpret_cast<const char*>(&word) + kUpperHalf, expected, timeout);
}

void SharedFutexWakeUpper(std::atomic<std::uint64_t>& word, int n) {
  Wake(reinterpret_cast<char*>(&word) + kUpperHalf, n);
}

}  // namespace joblib::native
