#include "joblib/parallel/dispatcher.h"

#include <algorithm>
#include <string>
#include <utility>

#include "joblib/core/backend_access.h"
#include "joblib/core/errors.h"
#include "joblib/core/task.h"
#include "native/heavy_fence.h"
#include "native/thread.h"

namespace joblib::internal {
namespace {

// A caller with less stack left than pool threads have only waits; a fresh main
// thread has its arguments and environment on its stack.
std::size_t StackForTasks() { return native::DefaultStackSize() / 8 * 7; }

bool CallerHelps(const CallPlan& plan) {
  return plan.return_as != ReturnAs::kGenerator &&
         plan.return_as != ReturnAs::kGeneratorUnordered && !plan.watched() &&
         !plan.stop_token.has_value() && plan.caller_may_help &&
         native::RemainingStack() >= StackForTasks();
}

InputWindow::Options WindowOptions(const CallPlan& plan,
                                   const TaskSource& source,
                                   bool caller_helps) {
  using AutoBatch = BackendAccess::AutoBatch;
  InputWindow::Options options;
  const AutoBatch automatic = BackendAccess::auto_batch(*plan.backend);
  if (plan.batch_size.has_value()) {
    options.batch_size = static_cast<std::uint32_t>(
        std::min<std::int64_t>(*plan.batch_size, 1 << 30));
  } else if (automatic == AutoBatch::kProcesses ||
             automatic == AutoBatch::kDask) {
    options.sizes = InputWindow::Sizes::kProcesses;
    if (automatic == AutoBatch::kDask) {
      options.max_batch_seconds = kMaxIdealDaskBatchSeconds;
    }
  } else if (automatic == AutoBatch::kThreads && !plan.watched()) {
    options.sizes = InputWindow::Sizes::kThreads;
  }
  options.max_read = source.max_read();
  options.n_jobs = plan.n_jobs;
  options.pre_dispatch = plan.pre_dispatch;
  options.strict = plan.return_as == ReturnAs::kGenerator ||
                   plan.return_as == ReturnAs::kGeneratorUnordered;
  options.n_tasks = source.n_tasks();
  options.caller_helps = caller_helps;
  return options;
}

}  // namespace

Dispatcher::Dispatcher(CallPlan plan, std::shared_ptr<TaskSource> source)
    : plan_(std::move(plan)),
      stream_(plan_.return_as == ReturnAs::kGenerator ||
              plan_.return_as == ReturnAs::kGeneratorUnordered),
      caller_reads_(plan_.timeout.has_value()),
      caller_helps_(CallerHelps(plan_)),
      each_task_(plan_.task_timeout.has_value() || !plan_.trace.empty()),
      asymmetric_(native::HeavyFenceAvailable()),
      caller_task_(CurrentThread()->task),
      source_(std::move(source)),
      window_(WindowOptions(plan_, *source_, caller_helps_)),
      reporter_(plan_.verbose, plan_.requested_n_jobs, source_->n_tasks(),
                plan_.progress) {
  if (!plan_.trace.empty()) trace_file_ = &TraceFile::At(plan_.trace);
}

Dispatcher::~Dispatcher() = default;

void Dispatcher::Start() {
  CallTraits traits;
  traits.n_jobs = plan_.n_jobs;
  traits.n_tasks = source_->n_tasks();
  traits.caller_helps = caller_helps_;
  traits.is_stream = stream_;
  traits.errors_are_values = plan_.return_as == ReturnAs::kOutcomes;
  traits.is_watched = plan_.watched() || stream_;
  traits.is_traced = trace_file_ != nullptr;
  traits.task_timeout = plan_.task_timeout;
  traits.max_retries = plan_.max_retries;
  traits.arrays = plan_.arrays;
  traits.verbose = plan_.backend_verbose;
  traits.params = &plan_.backend_params;
  backend_call_ =
      BackendAccess::BeginCall(*plan_.backend, shared_from_this(), traits);
  caller_drives_ = backend_call_ != nullptr && backend_call_->caller_drives();
  ListenForStops();
  absl::MutexLock lock(&mu_);
  Dispatch(/*on_caller=*/true);
  window_.EndStart();
  // What completed meanwhile made room that nobody used.
  Dispatch(/*on_caller=*/true);
}

void Dispatcher::ListenForStops() {
  const auto abort = [weak = weak_from_this()](const char* why) {
    if (const auto self = weak.lock()) {
      static_cast<Dispatcher&>(*self).Abort(
          std::make_exception_ptr(CancelledError(why)));
    }
  };
  if (caller_task_ != nullptr) {
    parent_stop_ = current_stop_token().on_stop([abort] {
      abort(
          "The call was cancelled: the task that made it belongs to a call "
          "that was aborted.");
    });
  }
  if (plan_.stop_token.has_value()) {
    user_stop_ = plan_.stop_token->on_stop(
        [abort] { abort("The call was cancelled by its stop token."); });
  }
}

void Dispatcher::Dispatch(bool on_caller) {
  if (reading_) return;
  reading_ = true;
  bool counted = false;  // A completion, which has not dispatched yet.
  while (!aborted_) {
    const std::int64_t room = window_.Room();
    if (room <= 0) break;
    if (!std::exchange(counted, true)) CountNext();
    if (ready_.empty()) {
      if (exhausted_ || !ReadAhead()) break;
      continue;
    }
    const std::int64_t size = ready_.back()->end - ready_.back()->begin;
    if (stream_ && size > room && dispatched_ > consumed_) break;
    SubmitNext();
    counted = false;
    // A backend that runs batches in submit() may never let this loop end.
    if (on_caller && (reporter_.has_progress() || !lines_.empty())) Report();
  }
  while (CountNext()) {
  }
  reading_ = false;
  UpdateOver();
}

bool Dispatcher::ReadAhead() {
  const std::uint32_t n = window_.NextRead();
  if (std::string message = window_.TakeMessage();
      !message.empty() && plan_.verbose >= 10) {
    lines_.push_back({std::move(message), {}});
    NotifyCaller();
  }
  if (n == 0) return false;
  std::unique_ptr<TaskBlock> block;
  if (!free_blocks_.empty()) {
    block = std::move(free_blocks_.back());
    free_blocks_.pop_back();
  }
  bool at_end = false;
  std::exception_ptr error;
  // At the end of an input that tells its length nothing can take long.
  const bool leaves_batches =
      std::exchange(submitted_, false) && read_ != source_->n_tasks();
  mu_.Unlock();
  if (leaves_batches && backend_call_ != nullptr) {
    backend_call_->CallForQueued();
  }
  try {
    // A stream may outlive the task that made it.
    const ThreadStateScope scope(plan_.caller_config,
                                 stream_ ? nullptr : caller_task_);
    block = source_->Read(n, std::move(block), &at_end);
  } catch (...) {
    error = std::current_exception();
  }
  mu_.Lock();
  if (error != nullptr) {
    exhausted_ = true;
    callers_fault_ = !aborted_;
    AbortLocked(std::move(error));
    return false;
  }
  if (block == nullptr) {
    exhausted_ = true;
    return false;
  }
  // joblib's lines tell the end from what comes before it only later.
  exhausted_ = at_end && !reporter_.verbose();
  read_ += block->size;
  std::uint32_t begin = 0;
  TaskBlock* const shared = block.release();  // By its batches.
  for (const std::uint32_t size : window_.Cut(shared->size)) {
    ready_.push_back(NewBatch(shared, begin, begin + size));
    begin += size;
  }
  std::reverse(ready_.begin(), ready_.end());
  return true;
}

void Dispatcher::SubmitNext() {
  Tracked* const batch = ready_.back();
  ready_.pop_back();
  const std::uint32_t size = batch->end - batch->begin;
  const std::int64_t first = batch->block->first + batch->begin;
  window_.Dispatched(size);
  dispatched_ += size;
  ++dispatched_batches_;
  in_flight_ += size;
  batch->in_flight = true;
  if (window_.weighs_since_dispatch()) batch->dispatched = Clock::now();
  if (plan_.timeout.has_value()) open_.insert(first);
  if (plan_.return_as == ReturnAs::kGenerator) by_first_.emplace(first, batch);
  submitting_ = batch;
  submitter_ = CurrentThread();
  dropped_in_submit_ = false;
  std::exception_ptr error;
  mu_.Unlock();
  try {
    plan_.backend->submit(MakeBatch(*batch));
  } catch (...) {
    error = std::current_exception();
  }
  mu_.Lock();
  submitting_ = nullptr;
  submitted_ = true;
  if (error != nullptr) {
    AbortLocked(std::move(error));
  } else if (dropped_in_submit_) {
    AbortLocked(std::make_exception_ptr(CancelledError(
        "The backend dropped a batch of tasks without running it.")));
  }
}

}  // namespace joblib::internal
