// BatchQueue: first in, first out, and without memory of its own as long as it
// is short: most calls have a handful of batches.
//
// Thread-safety: none; its team's lock guards it.
#ifndef JOBLIB_BACKENDS_THREADING_BATCH_QUEUE_H_
#define JOBLIB_BACKENDS_THREADING_BATCH_QUEUE_H_

#include <cstddef>
#include <utility>

#include "absl/container/inlined_vector.h"
#include "joblib/core/batch.h"

namespace joblib::internal {

class BatchQueue {
 public:
  bool empty() const { return head_ == batches_.size(); }
  std::size_t size() const { return batches_.size() - head_; }
  void Push(Batch batch) { batches_.push_back(std::move(batch)); }
  // Requires !empty().
  Batch Pop() {
    Batch batch = std::move(batches_[head_++]);
    if (empty()) {
      batches_.clear();
      head_ = 0;
    } else if (head_ >= kSlack && head_ >= batches_.size() / 2) {
      batches_.erase(batches_.begin(), batches_.begin() + head_);
      head_ = 0;
    }
    return batch;
  }
  void Swap(BatchQueue& other) {
    batches_.swap(other.batches_);
    std::swap(head_, other.head_);
  }

 private:
  static constexpr std::size_t kSlack = 64;
  absl::InlinedVector<Batch, 4> batches_;
  std::size_t head_ = 0;  // What is before it was popped.
};

}  // namespace joblib::internal

#endif  // JOBLIB_BACKENDS_THREADING_BATCH_QUEUE_H_
