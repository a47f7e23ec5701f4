// A batch's life, from the reading to the report.
#include <algorithm>
#include <string>

#include "absl/strings/str_cat.h"
#include "joblib/core/errors.h"
#include "joblib/core/number_text.h"
#include "joblib/parallel/dispatcher.h"
#include "native/heavy_fence.h"
#include "native/thread.h"

namespace joblib::internal {
namespace {

// With the thief's fence a claim costs nothing, but to take tasks interrupts
// every core for some microseconds: not worth it for this few.
constexpr std::uint32_t kFewTasks = 64;

}  // namespace

Dispatcher::Tracked* Dispatcher::NewBatch(TaskBlock* block, std::uint32_t begin,
                                          std::uint32_t end) {
  Tracked* batch;
  if (!free_batches_.empty()) {
    batch = free_batches_.back();
    free_batches_.pop_back();
  } else {
    batches_.push_back(std::make_unique<Tracked>());
    batch = batches_.back().get();
  }
  batch->block = block;
  batch->receiver = this;
  batch->begin = batch->done = batch->taken = begin;
  batch->end = end;
  batch->running = batch->failed = batch->is_tail = false;
  batch->in_flight = batch->is_timed = false;
  batch->late = batch->warned_late = false;
  batch->abandoned_from.reset();
  ++block->batches;
  return batch;
}

void Dispatcher::Release(Tracked& batch) {
  free_batches_.push_back(&batch);
  TaskBlock* const block = batch.block;
  // What a timeout left behind may keep the block.
  if (stream_ && abandoned_) block->DestroyResults(batch.taken, batch.done);
  if (--block->batches > 0) return;
  std::unique_ptr<TaskBlock> owned(block);
  // After an abort it may hold results: they die on the calling thread.
  if (aborted_ ||
      free_blocks_.size() < 4 * static_cast<std::size_t>(plan_.n_jobs)) {
    free_blocks_.push_back(std::move(owned));
  }
}

std::size_t Dispatcher::BatchSize(const BatchState& batch) {
  absl::MutexLock lock(&mu_);
  return batch.end - batch.begin;
}

int Dispatcher::TakeIndex() {
  const auto free = std::find(index_taken_.begin(), index_taken_.end(), false);
  const auto index = static_cast<int>(free - index_taken_.begin());
  if (free == index_taken_.end()) index_taken_.push_back(false);
  index_taken_[index] = true;
  return index;
}

void Dispatcher::RunBatch(BatchState& state, int worker_index) {
  Tracked& batch = Of(state);
  batch.task = TaskContext();
  batch.task.call = &control;
  batch.task.below_threads = true;
  bool shares = false;
  {
    absl::MutexLock lock(&mu_);
    if (!aborted_) {
      batch.task.worker_index = worker_index >= 0 ? worker_index : TakeIndex();
      batch.running = true;
      // A clock costs as much as a small batch.
      batch.is_timed = window_.weighs_seconds() && !exhausted_;
      if (batch.is_timed) batch.started = Clock::now();
      batch.asymmetric = asymmetric_ && batch.end - batch.begin > kFewTasks;
      Bind(batch, batch.asymmetric, CurrentThread(), plan_.task_config.get());
      NextOf(batch).store(batch.begin, std::memory_order_relaxed);
      LimitOf(batch).store(Limit(batch.end), std::memory_order_relaxed);
      running_.push_back(&batch);
      // A thief leaves some to the next one, here or where it took from.
      shares = batch.end - batch.begin > 1 ||
               (batch.is_tail && MostUnclaimed() != nullptr);
    }
  }
  if (batch.running) {
    if (shares && backend_call_ != nullptr) backend_call_->OfferTail();
    {
      // Ends first: when the call has returned nothing of it is held here.
      const ThreadStateScope scope(plan_.task_config, &batch.task);
      batch.block->Run(batch);
    }
    if (worker_index < 0) {
      absl::MutexLock lock(&mu_);
      index_taken_[batch.task.worker_index] = false;
    }
  }
  Finish(batch, nullptr);
}

void Dispatcher::FailBatch(BatchState& batch, std::exception_ptr error) {
  if (error == nullptr) {
    error = std::make_exception_ptr(CancelledError(
        "The backend failed a batch of tasks without an error."));
  }
  Finish(Of(batch), std::move(error));
}

void Dispatcher::DropBatch(BatchState& batch) {
  std::exception_ptr error;
  {
    absl::MutexLock lock(&mu_);
    const bool in_submit =
        submitting_ == &batch && submitter_ == CurrentThread();
    dropped_in_submit_ |= in_submit;
    // What submit() throws, if it does, says more.
    if (!aborted_ && (!in_submit || plan_.return_as == ReturnAs::kOutcomes)) {
      error = std::make_exception_ptr(CancelledError(
          "The backend dropped a batch of tasks without running it."));
    }
  }
  Finish(Of(batch), std::move(error));
}

bool Dispatcher::ClaimUnderLock(BatchState& state, std::uint32_t* index) {
  Tracked& batch = Of(state);
  if (CurrentThread()->config != plan_.task_config.get()) {
    SwapActiveConfig(plan_.task_config);  // A scope that the task left open.
  }
  absl::MutexLock lock(&mu_);
  const std::uint32_t mine = *index;
  if (each_task_ && mine > batch.begin) TaskEnded(batch, mine - 1);
  batch.done = std::min(mine, batch.end);
  if (reader_waits_) {
    reader_waits_ = false;
    NotifyCaller();
  }
  if (aborted_ || mine >= batch.end) return false;
  LimitOf(batch).store(Limit(batch.end), std::memory_order_relaxed);
  if (each_task_) TaskStarts(batch);
  return true;
}

bool Dispatcher::FailUnderLock(BatchState& state, std::uint32_t index,
                               std::exception_ptr error) {
  Tracked& batch = Of(state);
  absl::MutexLock lock(&mu_);
  batch.failed = true;
  if (each_task_) TaskEnded(batch, index);
  batch.done = index;
  AbortLocked(std::move(error));
  return false;
}

void Dispatcher::TaskStarts(Tracked& batch) {
  batch.task_started = Clock::now();
  if (!plan_.task_timeout.has_value()) return;
  batch.late = batch.warned_late = false;
  batch.task.own_stop = std::make_shared<StopState>();
  NotifyCaller();  // A new deadline.
}

void Dispatcher::TaskEnded(Tracked& batch, std::uint32_t index) {
  const std::int64_t task = batch.block->first + index;
  const Clock::time_point now = Clock::now();
  if (plan_.task_timeout.has_value() && !batch.failed) {
    batch.late |= now - batch.task_started >= *plan_.task_timeout;
  }
  if (trace_file_ != nullptr) {
    trace_.push_back(
        {task, batch.task.worker_index, native::ThisThreadId(),
         batch.task_started, now,
         batch.failed || batch.late || batch.block->HasError(index)});
  }
  if (!batch.late || batch.failed) return;
  const auto error = std::make_exception_ptr(TimeoutError(absl::StrCat(
      "task_timeout: task ", task, " was still running after ",
      GeneralText(std::chrono::duration<double>(*plan_.task_timeout).count(),
                  6),
      " s.")));
  if (!batch.block->ReplaceResult(index, error)) AbortLocked(error);
}

std::uint32_t Dispatcher::Unclaimed(const Tracked& batch) const {
  // The first task is its runner's, who is about to claim it.
  const std::uint32_t next = std::max(
      NextOf(const_cast<Tracked&>(batch)).load(std::memory_order_relaxed),
      batch.begin + 1);
  return next < batch.end ? batch.end - next : 0;
}

std::uint32_t Dispatcher::Limit(std::uint32_t end) const {
  return each_task_ || reader_is_late_ ? 0 : end;
}

Dispatcher::Tracked* Dispatcher::MostUnclaimed() const {
  Tracked* found = nullptr;
  std::uint32_t most = 0;
  for (Tracked* batch : running_) {
    const std::uint32_t unclaimed = Unclaimed(*batch);
    if (unclaimed <= most) continue;
    found = batch;
    most = unclaimed;
  }
  return found;
}

Batch Dispatcher::StealTail() {
  absl::MutexLock lock(&mu_);
  if (aborted_) return Batch();
  // An attempt fails only where the runner itself has come past the middle of
  // what was left: never more than 32 times for a batch. To give up earlier
  // could leave tasks behind one that is about to get stuck.
  while (Tracked* const victim = MostUnclaimed()) {
    const std::uint32_t unclaimed = Unclaimed(*victim);
    if (unclaimed == 0) continue;  // Meanwhile.
    const std::uint32_t end = victim->end;
    const std::uint32_t from = end - (unclaimed - unclaimed / 2);
    // See batch_state.h: the thief's half of the protocol.
    std::uint32_t next;
    if (victim->asymmetric) {
      LimitOf(*victim).store(Limit(from), std::memory_order_relaxed);
      native::HeavyFence();
      next = NextOf(*victim).load(std::memory_order_acquire);
    } else {
      LimitOf(*victim).store(Limit(from), std::memory_order_seq_cst);
      next = NextOf(*victim).load(std::memory_order_seq_cst);
    }
    if (next > from) {  // The runner has come past it.
      LimitOf(*victim).store(Limit(end), std::memory_order_relaxed);
      continue;
    }
    return MakeBatch(*CutTail(*victim, from));
  }
  return Batch();
}

Dispatcher::Tracked* Dispatcher::CutTail(Tracked& batch, std::uint32_t from) {
  Tracked* const tail = NewBatch(batch.block, from, batch.end);
  batch.end = from;
  tail->is_tail = true;
  tail->in_flight = true;
  tail->dispatched = batch.dispatched;
  const std::int64_t first = tail->block->first + from;
  if (plan_.timeout.has_value()) open_.insert(first);
  if (plan_.return_as == ReturnAs::kGenerator) by_first_.emplace(first, tail);
  return tail;
}

// `error`: why none of its tasks ran; null if they ran, or if it is the abort
// that kept them from it.
void Dispatcher::Finish(Tracked& batch, std::exception_ptr error) {
  Clock::duration since_start{}, since_dispatch{};
  if (batch.is_timed) since_start = Clock::now() - batch.started;
  absl::MutexLock lock(&mu_);
  if (window_.weighs_since_dispatch()) {
    since_dispatch = Clock::now() - batch.dispatched;
  }
  const bool ran = batch.running;
  if (ran) {
    batch.running = false;  // Nobody takes from it any more.
    running_.erase(std::find(running_.begin(), running_.end(), &batch));
  }
  if (batch.shipped_index.has_value()) {
    index_taken_[*std::exchange(batch.shipped_index, {})] = false;
  }
  const std::uint32_t size = batch.end - batch.begin;
  const std::uint32_t n_done = batch.done - batch.begin;
  const std::uint32_t unused = batch.done + (batch.failed ? 1 : 0);
  if (batch.abandoned_from.has_value()) {
    const std::uint32_t from = *batch.abandoned_from;
    mu_.Unlock();
    if (batch.done > from) batch.block->DestroyResults(from, batch.done);
    batch.block->Discard(unused, batch.end, nullptr);
    mu_.Lock();
  } else if (batch.done < batch.end) {
    const std::exception_ptr why = error != nullptr ? error : error_;
    mu_.Unlock();
    batch.block->Discard(unused, batch.end, why);
    mu_.Lock();
    if (plan_.return_as != ReturnAs::kOutcomes) {
      source_->LeaveOut(*batch.block, batch.done, batch.end);
    }
  }
  completed_ += n_done;
  if (plan_.timeout.has_value()) {
    open_.erase(batch.block->first + batch.begin);
    NotifyCaller();
  }
  if (ran && !aborted_) {
    window_.Completed(
        n_done, std::chrono::duration<double>(since_start).count(),
        std::chrono::duration<double>(since_dispatch).count(), !batch.is_tail);
  } else if (error != nullptr && plan_.return_as == ReturnAs::kOutcomes) {
    window_.Completed(0, 0, 0, true);  // Its error is its tasks' value.
    completed_ += size;
    error = nullptr;
  }
  batch.in_flight = false;
  if (stream_ && !aborted_ && error == nullptr) {
    if (plan_.return_as == ReturnAs::kGeneratorUnordered) {
      finished_.push_back(&batch);
    }
    if (reader_waits_) {
      reader_waits_ = false;
      NotifyCaller();
    }
  } else {
    if (plan_.return_as == ReturnAs::kGenerator) {
      by_first_.erase(batch.block->first + batch.begin);
    }
    if (&batch != current_) Release(batch);  // Its results are being read.
  }
  if (reporter_.verbose() && !aborted_ && error == nullptr) {
    uncounted_.push_back({completed_, reporter_.Elapsed()});
  }
  if (reporter_.has_progress()) NotifyCaller();
  // A batch that was only dropped says nothing of this thread.
  if (ran && backend_call_ != nullptr) backend_call_->BatchEnded();
  in_flight_ -= size;
  batch_ended_ = true;
  if (error != nullptr) AbortLocked(std::move(error));
  if (!aborted_) {
    if (caller_reads_) {
      NotifyCaller();
    } else {
      Dispatch(/*on_caller=*/false);
    }
  }
  UpdateOver();
  if (aborted_ && in_flight_ == 0) NotifyCaller();
  if (stream_ && backend_call_ != nullptr) backend_call_->WakeHelper();
}

}  // namespace joblib::internal
