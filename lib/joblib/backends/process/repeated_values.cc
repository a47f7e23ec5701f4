#include "joblib/backends/process/repeated_values.h"

#include <algorithm>
#include <cstring>

namespace joblib::internal {
namespace {

// Enough for values that are not the same to differ in one of them, mostly.
constexpr std::size_t kSamples = 64;

// FNV-1a over words spread evenly, the first and the last among them.
std::uint64_t Sample(const void* bytes, std::size_t n) {
  std::uint64_t hash = 14695981039346656037ULL;
  const std::size_t last = n - sizeof(std::uint64_t);
  for (std::size_t i = 0; i < kSamples; ++i) {
    std::uint64_t word;
    std::memcpy(&word,
                static_cast<const char*>(bytes) + last / (kSamples - 1) * i,
                sizeof word);
    hash = (hash ^ word) * 1099511628211ULL;
  }
  return hash;
}

}  // namespace

bool RepeatedValues::Note(const void* bytes, std::size_t n, std::int64_t task) {
  if (times_ > kMaxTimes) return false;
  const std::uint64_t sample = Sample(bytes, n);
  if (n != bytes_ || sample != sample_) {
    bytes_ = n;
    sample_ = sample;
    times_ = 0;
  }
  auto* const end = tasks_.begin() + times_;
  if (std::find(tasks_.begin(), end, task) != end) return false;
  *end = task;
  return ++times_ > kMaxTimes;
}

}  // namespace joblib::internal
