#include "joblib/parallel/dispatcher.h"

#include <algorithm>
#include <stdexcept>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "joblib/core/backend_access.h"
#include "joblib/core/errors.h"
#include "joblib/core/task.h"
#include "joblib/core/warning.h"
#include "native/heavy_fence.h"
#include "native/thread.h"

namespace joblib::internal {
namespace {

// When a call that has to wait for its running tasks says so.
constexpr std::chrono::seconds kSlowAbort{5};
// How long a task may still run after its task_timeout before that is told.
constexpr std::chrono::seconds kLateTaskGrace{1};
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
                                   const TaskSource& source) {
  using AutoBatch = BackendAccess::AutoBatch;
  InputWindow::Options options;
  const AutoBatch automatic = BackendAccess::auto_batch(*plan.backend);
  if (plan.batch_size.has_value()) {
    options.batch_size = static_cast<std::uint32_t>(
        std::min<std::int64_t>(*plan.batch_size, 1 << 30));
  } else if (automatic == AutoBatch::kProcesses) {
    options.sizes = InputWindow::Sizes::kProcesses;
  } else if (automatic == AutoBatch::kThreads && !plan.watched()) {
    options.sizes = InputWindow::Sizes::kThreads;
  }
  options.max_read = source.max_read();
  options.n_jobs = plan.n_jobs;
  options.pre_dispatch = plan.pre_dispatch;
  options.strict = plan.return_as == ReturnAs::kGenerator ||
                   plan.return_as == ReturnAs::kGeneratorUnordered;
  options.n_tasks = source.n_tasks();
  return options;
}

// The handler's own exception must not stop the end of a call.
void WarnQuietly(const std::string& message) {
  try {
    Warn(message);
  } catch (...) {
  }
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
      times_batches_(!plan_.batch_size.has_value()),
      caller_task_(CurrentThread()->task),
      source_(std::move(source)),
      window_(WindowOptions(plan_, *source_)),
      reporter_(plan_.verbose, plan_.requested_n_jobs, source_->n_tasks(),
                plan_.progress) {
  if (!plan_.trace.empty()) trace_file_ = &TraceFile::At(plan_.trace);
}

Dispatcher::~Dispatcher() = default;

void Dispatcher::Start() {
  backend_call_ = BackendAccess::BeginCall(
      *plan_.backend, shared_from_this(), plan_.n_jobs, caller_helps_);
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
      abort("The call was cancelled: the task that made it belongs to a call "
            "that was aborted.");
    });
  }
  if (plan_.stop_token.has_value()) {
    user_stop_ = plan_.stop_token->on_stop(
        [abort] { abort("The call was cancelled by its stop token."); });
  }
}

// ---------------------------------------------------------------- the input

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
  if (times_batches_) batch->dispatched = Clock::now();
  if (plan_.timeout.has_value()) open_.insert(first);
  if (plan_.return_as == ReturnAs::kGenerator) by_first_.emplace(first, batch);
  submitting_ = true;
  dropped_in_submit_ = false;
  std::exception_ptr error;
  mu_.Unlock();
  try {
    plan_.backend->submit(MakeBatch(*batch));
  } catch (...) {
    error = std::current_exception();
  }
  mu_.Lock();
  submitting_ = false;
  submitted_ = true;
  if (error != nullptr) {
    AbortLocked(std::move(error));
  } else if (dropped_in_submit_) {
    AbortLocked(std::make_exception_ptr(CancelledError(
        "The backend dropped a batch of tasks without running it.")));
  }
}

// ---------------------------------------------------------------- the end

bool Dispatcher::Complete() const {
  return exhausted_ && !reading_ && ready_.empty() && in_flight_ == 0;
}

bool Dispatcher::Over() const { return aborted_ || Complete(); }

void Dispatcher::UpdateOver() {
  if (!Over()) return;
  if (!over_.exchange(true) && backend_call_ != nullptr) {
    backend_call_->WakeHelper();
  }
  NotifyCaller();
}

void Dispatcher::Abort(std::exception_ptr reason) {
  absl::MutexLock lock(&mu_);
  AbortLocked(std::move(reason));
}

void Dispatcher::AbortLocked(std::exception_ptr reason) {
  if (aborted_) {
    late_errors_.push_back(std::move(reason));
    return;
  }
  aborted_ = true;
  error_ = std::move(reason);
  std::vector<std::shared_ptr<StopState>> stops;
  for (Tracked* batch : running_) {
    LimitOf(*batch).store(0);
    if (batch->task.own_stop != nullptr) stops.push_back(batch->task.own_stop);
  }
  const std::shared_ptr<BackendCall> backend_call = backend_call_;
  mu_.Unlock();
  control.SignalStop();
  for (const auto& stop : stops) stop->Request();
  if (backend_call != nullptr) backend_call->Abort();
  mu_.Lock();
  UpdateOver();
}

void Dispatcher::Sleep(std::optional<Clock::time_point> deadline) {
  mu_.Unlock();
  caller_.Park(native::BusyThreads::MaySpin(), deadline);
  mu_.Lock();
}

bool Dispatcher::CountNext() {
  if (uncounted_.empty() || aborted_ || window_.starting()) return false;
  ProgressState state;
  state.completed = uncounted_.front().completed;
  state.elapsed = uncounted_.front().elapsed;
  uncounted_.pop_front();
  state.dispatched_batches = dispatched_batches_;
  state.dispatched_tasks = dispatched_;
  // joblib finds the end when a completion asks for more, not at the start.
  state.input_exhausted =
      !plan_.pre_dispatch.has_value() || (exhausted_ && counted_any_);
  counted_any_ = true;
  state.pre_dispatch_amount = plan_.pre_dispatch.value_or(0);
  state.is_completed =
      state.input_exhausted && state.completed == dispatched_;
  lines_.push_back({{}, state});
  NotifyCaller();
  return true;
}

void Dispatcher::Report() {
  if (Complete()) {  // Nothing will be dispatched any more.
    while (CountNext()) {
    }
  }
  while (!lines_.empty()) {
    const std::vector<Line> lines = std::exchange(lines_, {});
    mu_.Unlock();
    for (const Line& line : lines) {
      if (line.text.empty()) {
        reporter_.Line(line.state);
      } else {
        reporter_.Print(line.text);
      }
    }
    mu_.Lock();
  }
  if (!reporter_.has_progress()) return;
  const std::int64_t done = completed_;
  std::exception_ptr error;
  mu_.Unlock();
  try {
    reporter_.Progress(done);
  } catch (...) {
    error = std::current_exception();
  }
  mu_.Lock();
  if (error != nullptr) {
    callers_fault_ = !aborted_;
    AbortLocked(std::move(error));
  }
}

std::optional<Dispatcher::Clock::time_point> Dispatcher::CheckDeadlines() {
  std::optional<Clock::time_point> next;
  const auto at = [&next](Clock::time_point t) {
    if (!next.has_value() || t < *next) next = t;
  };
  if (!plan_.timeout.has_value() && !plan_.task_timeout.has_value()) {
    return next;
  }
  const Clock::time_point now = Clock::now();
  if (plan_.timeout.has_value() && !open_.empty()) {
    // joblib's clock: it starts anew with each task that is waited for; where
    // the order does not matter, with each that ends.
    const std::int64_t task = plan_.return_as == ReturnAs::kGeneratorUnordered
                                  ? completed_
                                  : *open_.begin();
    if (task != watched_task_) {
      watched_task_ = task;
      watched_since_ = now;
    }
    if (now - watched_since_ >= *plan_.timeout) {
      timed_out_ = true;
      AbortLocked(std::make_exception_ptr(TimeoutError(absl::StrFormat(
          "timeout: task %d had no result after %g s.", *open_.begin(),
          std::chrono::duration<double>(*plan_.timeout).count()))));
      return next;
    }
    at(watched_since_ + *plan_.timeout);
  }
  if (plan_.task_timeout.has_value()) {
    std::vector<std::shared_ptr<StopState>> stops;
    std::string warning;
    for (Tracked* batch : running_) {
      const Clock::time_point limit =
          batch->task_started + *plan_.task_timeout;
      if (batch->task.own_stop == nullptr) continue;  // About to begin.
      if (!batch->late && now < limit) {
        at(limit);
        continue;
      }
      if (!batch->late) {
        batch->late = true;
        stops.push_back(batch->task.own_stop);
      }
      if (batch->warned_late) continue;
      if (now < limit + kLateTaskGrace) {
        at(limit + kLateTaskGrace);
      } else {
        batch->warned_late = true;
        warning = absl::StrCat(
            "task_timeout: task ", batch->block->first + NextOf(*batch) - 1,
            " goes on although its time is over. A thread can't be ended from "
            "outside: the task has to ask joblib::stop_requested(), or to run "
            "in a process (backend=\"loky\").");
      }
    }
    mu_.Unlock();
    for (const auto& stop : stops) stop->Request();
    if (!warning.empty()) WarnQuietly(warning);
    mu_.Lock();
  }
  return next;
}

bool Dispatcher::HasNoWorker() const {
  return backend_call_ != nullptr && backend_call_->workers() == 0;
}

void Dispatcher::HelpOnce() {
  batch_ended_ = false;
  if (in_flight_ == 0) return;
  mu_.Unlock();
  backend_call_->Help(batch_ended_);
  mu_.Lock();
}

void Dispatcher::WaitUntilOver() {
  if (!Over() && caller_helps_ && backend_call_ != nullptr) {
    mu_.Unlock();
    backend_call_->Help(over_);
    mu_.Lock();
  }
  while (!Over()) {
    Report();
    if (Over()) break;
    if (caller_reads_) Dispatch(/*on_caller=*/true);
    if (Over()) break;
    const std::optional<Clock::time_point> deadline = CheckDeadlines();
    if (Over()) break;
    if (HasNoWorker()) {
      HelpOnce();
    } else {
      Sleep(deadline);
    }
  }
  if (!aborted_) Report();  // May abort: a callback that throws.
  if (aborted_) Drain();
}

void Dispatcher::Drain() {
  if (!backend_aborted_) {
    backend_aborted_ = true;
    mu_.Unlock();
    try {
      plan_.backend->abort_everything(/*ensure_ready=*/plan_.keep_backend);
    } catch (const std::exception& e) {
      WarnQuietly(absl::StrCat("abort_everything() of the backend threw: ",
                               e.what()));
    } catch (...) {
      WarnQuietly("abort_everything() of the backend threw.");
    }
    mu_.Lock();
  }
  while (reading_) Sleep(std::nullopt);
  while (!ready_.empty()) {
    Tracked* const batch = ready_.back();
    ready_.pop_back();
    batch->block->Discard(batch->begin, batch->end, error_);
    if (plan_.return_as != ReturnAs::kOutcomes) {
      source_->LeaveOut(*batch->block, batch->begin, batch->end);
    }
    Release(*batch);
  }
  if (timed_out_) return AbandonRunning();
  const Clock::time_point slow = Clock::now() + kSlowAbort;
  bool told = false;
  while (in_flight_ > 0) {
    if (!told && Clock::now() >= slow) {
      told = true;
      std::string task = "a backend still holds some";
      if (!running_.empty()) {
        const Tracked& batch = *running_.front();
        task = absl::StrFormat(
            "task %d has run for %.1f s",
            batch.block->first + NextOf(*running_.front()) - 1,
            std::chrono::duration<double>(Clock::now() - batch.started)
                .count());
      }
      mu_.Unlock();
      WarnQuietly(absl::StrCat(
          "An aborted call of joblib::Parallel still waits for its running "
          "tasks (", task,
          "): what they use must stay alive. They can ask "
          "joblib::stop_requested() and end early."));
      mu_.Lock();
    }
    Sleep(told ? std::nullopt : std::optional(slow));
  }
}

void Dispatcher::AbandonRunning() {
  abandoned_ = in_flight_ > 0;
  for (const std::unique_ptr<Tracked>& batch : batches_) {
    if (!batch->in_flight) continue;
    // The task that runs, and those after it, which never will.
    const std::uint32_t claimed = NextOf(*batch).load(std::memory_order_acquire);
    batch->abandoned_from =
        batch->running ? std::clamp(claimed > 0 ? claimed - 1 : 0,
                                    batch->begin, batch->end)
                       : batch->begin;
    source_->LeaveOut(*batch->block, *batch->abandoned_from, batch->end);
    if (stream_ && batch->taken < *batch->abandoned_from) {
      batch->block->DestroyResults(batch->taken, *batch->abandoned_from);
    }
  }
}

void Dispatcher::WriteTrace() {
  if (trace_file_ == nullptr) return;
  const std::vector<TraceEvent> events = std::exchange(trace_, {});
  mu_.Unlock();
  trace_file_->Write(trace_file_->NextCallNumber(), events);
  mu_.Lock();
}

void Dispatcher::LetGo() {
  parent_stop_.reset();
  user_stop_.reset();
  std::shared_ptr<TaskSource> source;
  std::shared_ptr<ParallelBackendBase> backend;
  ProgressCallback progress;
  ConfigRef caller_config, task_config;
  bool drops_results;
  std::vector<std::exception_ptr> errors;
  Few<std::unique_ptr<TaskBlock>> blocks;
  {
    absl::MutexLock lock(&mu_);
    WriteTrace();
    errors.swap(late_errors_);
    blocks.swap(free_blocks_);
    // Nobody will ask for them, and the last abandoned task is no place to die.
    drops_results = abandoned_ && plan_.return_as == ReturnAs::kList;
    // Abandoned tasks still write into it; else it is the caller's alone now.
    source = abandoned_ ? source_ : std::move(source_);
    // A backend that keeps a batch for ever would keep itself, too.
    backend = std::move(plan_.backend);
    // libc++ leaves a copy in a small std::function that was moved from.
    progress = std::exchange(plan_.progress, nullptr);
    reporter_.DropCallback();
    caller_config = std::move(plan_.caller_config);
    if (!abandoned_) task_config = std::move(plan_.task_config);
  }
  if (source != nullptr) {
    source->CloseInput();
    if (drops_results) source->DropResults();
  }
  if (backend_call_ != nullptr) backend_call_->Close();
}

void Dispatcher::Wait() {
  std::exception_ptr error;
  {
    absl::MutexLock lock(&mu_);
    WaitUntilOver();
    closed_ = true;
    error = std::exchange(error_, nullptr);
  }
  LetGo();
  if (error != nullptr) std::rethrow_exception(std::move(error));
}

Dispatcher::Outcomes Dispatcher::WaitForOutcomes() {
  Outcomes outcomes;
  bool throws;
  {
    absl::MutexLock lock(&mu_);
    WaitUntilOver();
    closed_ = true;
    outcomes.missing = std::exchange(error_, nullptr);
    outcomes.read = read_;
    outcomes.memory_in_use = abandoned_;
    throws = outcomes.missing != nullptr && callers_fault_;
  }
  LetGo();
  if (throws) std::rethrow_exception(std::move(outcomes.missing));
  return outcomes;
}

}  // namespace joblib::internal
