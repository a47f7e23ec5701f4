#include "joblib/core/auto_batch.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "joblib/core/python_repr.h"

namespace joblib::internal {
namespace {

// Beyond any input, and small enough to be doubled.
constexpr std::int64_t kMaxSize = std::int64_t{1} << 61;

}  // namespace

AutoBatch::Advice AutoBatch::NextSize() {
  const double seconds = smoothed_seconds_;
  const bool too_fast = seconds > 0 && seconds < kMinIdealBatchSeconds;
  const bool too_slow = seconds > max_ideal_seconds_ && size_ >= 2;
  if (!too_fast && !too_slow) return {.size = size_, .message = ""};

  // Twice the size that would take the minimum, so that the size does not swing
  // between the two limits; and at most twice the size before, so that no batch
  // gets so large that workers starve.
  const double ideal = 2 * std::trunc(static_cast<double>(size_) *
                                      kMinIdealBatchSeconds / seconds);
  const std::int64_t doubled = std::min(2 * size_, kMaxSize);
  const std::int64_t bounded = ideal < static_cast<double>(doubled)
                                   ? static_cast<std::int64_t>(ideal)
                                   : doubled;
  size_ = std::max<std::int64_t>(bounded, 1);
  smoothed_seconds_ = 0;
  return {.size = size_,
          .message = absl::StrCat(
              "Batch computation too ", too_fast ? "fast" : "slow", " (",
              PythonRepr(seconds), "s.) Setting batch_size=", size_, ".")};
}

void AutoBatch::Completed(std::int64_t size, double seconds) {
  if (size != size_) return;
  smoothed_seconds_ = smoothed_seconds_ == 0
                          ? seconds
                          : 0.8 * smoothed_seconds_ + 0.2 * seconds;
}

void AutoBatch::Reset() {
  size_ = 1;
  smoothed_seconds_ = 0;
}

}  // namespace joblib::internal
