// Batches whose tasks run in other processes.
#include <utility>

#include "joblib/parallel/dispatcher.h"

namespace joblib::internal {

bool Dispatcher::BeginShipped(BatchState& state) {
  Tracked& batch = Of(state);
  absl::MutexLock lock(&mu_);
  NextOf(batch).store(batch.begin + 1, std::memory_order_release);
  if (aborted_) return false;
  batch.running = true;
  running_.push_back(&batch);
  return true;
}

int Dispatcher::ShippedIndex(BatchState& state) {
  Tracked& batch = Of(state);
  absl::MutexLock lock(&mu_);
  if (!batch.shipped_index.has_value()) batch.shipped_index = TakeIndex();
  return *batch.shipped_index;
}

bool Dispatcher::BeginReply(BatchState& state) {
  Tracked& batch = Of(state);
  absl::MutexLock lock(&mu_);
  NextOf(batch).store(batch.end, std::memory_order_release);  // None to take.
  if (aborted_) return false;
  batch.running = true;
  running_.push_back(&batch);
  return true;
}

bool Dispatcher::ShippedTaskFailed(BatchState& state, std::uint32_t index,
                                   std::exception_ptr error) {
  Tracked& batch = Of(state);
  if (batch.block->SetError(index, error)) {
    ShippedTaskEnded(batch, index);
    return true;
  }
  batch.block->Discard(index, index + 1, nullptr);
  absl::MutexLock lock(&mu_);
  batch.failed = true;
  batch.done = index;
  AbortLocked(std::move(error));
  return false;
}

void Dispatcher::TraceShipped(const BatchState& batch, std::uint32_t index,
                              const ShippedTask& task) {
  absl::MutexLock lock(&mu_);
  trace_.push_back({batch.block->first + index, task.worker_index,
                    static_cast<std::uint64_t>(task.pid), task.start, task.end,
                    task.failed, task.pid});
}

void Dispatcher::TellReader() {
  absl::MutexLock lock(&mu_);
  if (!reader_waits_) return;
  reader_waits_ = false;
  NotifyCaller();
}

Batch Dispatcher::SplitBatch(BatchState& state, std::uint32_t from) {
  absl::MutexLock lock(&mu_);
  return MakeBatch(*CutTail(Of(state), from));
}

void Dispatcher::FinishShipped(Batch reported, std::uint32_t done) {
  Tracked& batch = Of(Reported(reported));
  if (!batch.failed) {
    absl::MutexLock lock(&mu_);
    batch.done = done;
  }
  Finish(batch, nullptr);
}

}  // namespace joblib::internal
