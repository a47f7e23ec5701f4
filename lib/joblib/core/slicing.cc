#include "joblib/core/slicing.h"

#include <algorithm>
#include <limits>

namespace joblib::internal {
namespace {

// How many batches each worker gets of the last items, so that tasks of unequal
// length still end together: joblib's number, without a measurement.
constexpr std::int64_t kFinalBatchesPerWorker = 10;

}  // namespace

Slicer::Slicer(std::int64_t n_jobs, std::optional<std::int64_t> pre_dispatch)
    : n_jobs_(n_jobs),
      reads_all_at_start_(!pre_dispatch.has_value()),
      left_in_window_(
          pre_dispatch.value_or(std::numeric_limits<std::int64_t>::max())) {}

std::int64_t Slicer::NextRead(Reader reader, std::int64_t batch_size) {
  const bool overflows =
      batch_size > std::numeric_limits<std::int64_t>::max() / n_jobs_;
  asked_ = overflows ? std::numeric_limits<std::int64_t>::max()
                     : batch_size * n_jobs_;
  reader_ = reader;
  if (reader == Reader::kStart) {
    asked_ = std::min(asked_, std::max<std::int64_t>(left_in_window_, 0));
    if (!reads_all_at_start_) left_in_window_ -= asked_;
  } else if (reads_all_at_start_) {
    asked_ = 0;
  }
  return asked_;
}

std::vector<std::int64_t> Slicer::Cut(std::int64_t got) const {
  const bool is_end = reader_ == Reader::kCompletion && got < asked_;
  const std::int64_t size = std::max<std::int64_t>(
      got / (is_end ? kFinalBatchesPerWorker : 1) / n_jobs_, 1);
  std::vector<std::int64_t> batches;
  for (; got > 0; got -= size) batches.push_back(std::min(got, size));
  return batches;
}

}  // namespace joblib::internal
