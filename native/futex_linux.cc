#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "native/futex.h"

namespace joblib::native {
namespace {

// The kernel reads and compares the word itself.
static_assert(sizeof(std::atomic<std::uint32_t>) == sizeof(std::uint32_t));
static_assert(std::atomic<std::uint32_t>::is_always_lock_free);

long Futex(const std::atomic<std::uint32_t>& word, int operation,
           std::uint32_t value, const timespec* timeout) {
  return syscall(SYS_futex, &word, operation | FUTEX_PRIVATE_FLAG, value,
                 timeout, nullptr, 0);
}

}  // namespace

void FutexWait(const std::atomic<std::uint32_t>& word, std::uint32_t expected,
               std::optional<std::chrono::nanoseconds> timeout) {
  if (!timeout.has_value()) {
    Futex(word, FUTEX_WAIT, expected, nullptr);
    return;
  }
  if (timeout->count() <= 0) return;
  const auto seconds =
      std::chrono::duration_cast<std::chrono::seconds>(*timeout);
  const timespec limit = {
      .tv_sec = static_cast<time_t>(seconds.count()),
      .tv_nsec = static_cast<long>((*timeout - seconds).count())};
  Futex(word, FUTEX_WAIT, expected, &limit);
}

void FutexWake(std::atomic<std::uint32_t>& word, int n) {
  Futex(word, FUTEX_WAKE, static_cast<std::uint32_t>(n), nullptr);
}

}  // namespace joblib::native
