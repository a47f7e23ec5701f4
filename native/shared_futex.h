// Sleeping on a word of memory that several processes map; see futex.h for the
// contract, which is the same.
#ifndef JOBLIB_NATIVE_SHARED_FUTEX_H_
#define JOBLIB_NATIVE_SHARED_FUTEX_H_

#include <atomic>
#include <chrono>
#include <cstdint>
#include <optional>

namespace joblib::native {

void SharedFutexWait(const std::atomic<std::uint32_t>& word,
                     std::uint32_t expected,
                     std::optional<std::chrono::nanoseconds> timeout);
void SharedFutexWake(std::atomic<std::uint32_t>& word, int n);
// On the upper half of a word of 64 bits.
void SharedFutexWaitUpper(const std::atomic<std::uint64_t>& word,
                          std::uint32_t expected,
                          std::optional<std::chrono::nanoseconds> timeout);
void SharedFutexWakeUpper(std::atomic<std::uint64_t>& word, int n);

}  // namespace joblib::native

#endif  // JOBLIB_NATIVE_SHARED_FUTEX_H_
