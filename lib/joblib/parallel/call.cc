#include "joblib/parallel/call.h"

#include <cstdio>
#include <optional>
#include <stdexcept>
#include <utility>

#include "absl/strings/str_cat.h"
#include "joblib/core/call_control.h"
#include "joblib/core/errors.h"
#include "joblib/core/number_text.h"
#include "joblib/core/task.h"
#include "joblib/core/warning.h"
#include "joblib/parallel/call_reporter.h"
#include "joblib/parallel/call_runner.h"
#include "joblib/parallel/parallel_state.h"
#include "joblib/parallel/trace_file.h"
#include "native/thread.h"

namespace joblib::internal {

// ---------------------------------------------------------------- Call

std::shared_ptr<ParallelState> NewParallelState(
    const ParallelOptions& options) {
  return std::make_shared<ParallelState>(options);
}

void BeginSession(ParallelState& state) { state.BeginSession(); }

void EndSession(ParallelState& state) noexcept {
  try {
    state.EndSession();
  } catch (const std::exception& e) {
    WarnQuietly(absl::StrCat("The end of a session failed: ", e.what()));
  }
}

struct Call::Parts {
  std::shared_ptr<ParallelState> state;
  CallPlan plan;  // Moved into the runner.
  std::int64_t n_tasks;
  bool sequential;
  bool ended = false;
  std::shared_ptr<CallRunner> runner;
  std::int64_t process = 0;  // Of a generator: where it was made.

  // The tasks run in the process that this one was forked from, and their locks
  // are what they were at that moment.
  bool IsFromBeforeFork() const {
    return process != 0 && process != native::ProcessId();
  }
};

Call::Call(std::shared_ptr<ParallelState> state, ReturnAs return_as,
           std::int64_t n_tasks) {
  CallPlan plan = state->BeginCall(return_as);
  const bool sequential = plan.n_jobs == 1;
  parts_ = std::make_unique<Parts>(Parts{
      std::move(state), std::move(plan), n_tasks, sequential, false, {}, 0});
}

Call::Call(Call&&) noexcept = default;

Call::~Call() {
  if (parts_ == nullptr || parts_->ended) return;
  if (parts_->IsFromBeforeFork()) {
    static_cast<void>(parts_.release());
    return;
  }
  if (parts_->runner != nullptr) parts_->runner->Close();
  parts_->state->EndCall(/*failed=*/true);
}

bool Call::sequential() const { return parts_->sequential; }

void Call::Start(std::shared_ptr<TaskSource> source) {
  Parts& parts = *parts_;
  if (parts.plan.return_as == ReturnAs::kGenerator ||
      parts.plan.return_as == ReturnAs::kGeneratorUnordered) {
    parts.process = native::ProcessId();
  }
  parts.runner = Runners().make(std::move(parts.plan), std::move(source));
  parts.runner->Start();
}

void Call::Run(std::shared_ptr<TaskSource> source) {
  Start(std::move(source));
  parts_->runner->Wait();
  End();
}

Call::Missing Call::RunForOutcomes(std::shared_ptr<TaskSource> source) {
  Start(std::move(source));
  CallRunner::Outcomes outcomes = parts_->runner->WaitForOutcomes();
  End();
  return {std::move(outcomes.missing), outcomes.read, outcomes.memory_in_use};
}

bool Call::Next(TaskBlock** block, std::uint32_t* begin, std::uint32_t* end) {
  if (parts_->IsFromBeforeFork()) {
    throw std::runtime_error(
        "This generator was made before a fork(): its tasks run in the parent "
        "process, which alone can read their results. Make the call again "
        "here.");
  }
  CallRunner::Results results;
  if (!parts_->runner->Next(&results)) return false;
  *block = results.block;
  *begin = results.begin;
  *end = results.end;
  return true;
}

void Call::End() {
  parts_->ended = true;
  parts_->state->EndCall(/*failed=*/false);
}

// ---------------------------------------------------------------- sequential

// What a plain loop does between its tasks where somebody watches.
struct SequentialWatch {
  explicit SequentialWatch(const CallPlan& plan, std::int64_t n_tasks)
      : reporter(plan.verbose, plan.requested_n_jobs, n_tasks, plan.progress) {}

  CallControl control;
  CallReporter reporter;
  std::shared_ptr<void> user_stop;
  std::optional<CallPlan::Duration> task_timeout;
  bool errors_are_values = false;
  TraceFile* trace_file = nullptr;
  std::vector<TraceEvent> trace;
  std::chrono::steady_clock::time_point started;
  std::int64_t dispatched = 0;
  std::int64_t completed = 0;

  void TaskDone(bool failed) {
    if (trace_file != nullptr) {
      trace.push_back({dispatched - 1, 0, native::ThisThreadId(), started,
                       std::chrono::steady_clock::now(), failed});
    }
  }
  ProgressState State() const {
    ProgressState state;
    state.completed = completed;
    state.dispatched_batches = state.dispatched_tasks = dispatched;
    state.elapsed = reporter.verbose() ? reporter.Elapsed() : 0;
    return state;
  }
};

SequentialLoop::SequentialLoop(Call& call)
    : thread_(CurrentThread()),
      config_(thread_->config),
      outer_(thread_->task),
      batch_size_(call.parts_->plan.batch_size.value_or(1)),
      held_(config_) {
  const CallPlan& plan = call.parts_->plan;
  context_.outer = outer_;
  context_.below_threads = outer_ != nullptr && outer_->below_threads;
  if (!plan.watched() && !plan.stop_token.has_value() && plan.trace.empty() &&
      outer_ == nullptr) {
    return;
  }
  watch_ = std::make_unique<SequentialWatch>(plan, call.parts_->n_tasks);
  context_.call = &watch_->control;
  watch_->task_timeout = plan.task_timeout;
  watch_->errors_are_values = plan.return_as == ReturnAs::kOutcomes;
  if (!plan.trace.empty()) watch_->trace_file = &TraceFile::At(plan.trace);
  if (plan.stop_token.has_value()) {
    watch_->user_stop = plan.stop_token->on_stop(
        [control = &watch_->control] { control->SignalStop(); });
  }
}

SequentialLoop::~SequentialLoop() {
  if (watch_ != nullptr && watch_->trace_file != nullptr) {
    if (watch_->dispatched > watch_->completed) watch_->TaskDone(true);
    watch_->trace_file->Write(watch_->trace_file->NextCallNumber(),
                              watch_->trace);
  }
}

void SequentialLoop::Rebind() {
  thread_ = CurrentThread();
  config_ = thread_->config;
  if (watch_ != nullptr && outer_ != thread_->task) watch_->control.Unlink();
  outer_ = thread_->task;
  held_ = ConfigRef(config_);
  context_.outer = outer_;
  context_.below_threads = outer_ != nullptr && outer_->below_threads;
}

void SequentialLoop::Restore() { SwapActiveConfig(held_); }

void SequentialLoop::CheckStopSlowly() {
  if (watch_->control.aborted()) {
    throw CancelledError("The call was cancelled by its stop token.");
  }
  if (outer_ != nullptr && stop_requested()) {
    throw CancelledError(
        "The call was cancelled: the task that made it belongs to a call that "
        "was aborted.");
  }
}

void SequentialLoop::BeginSlowly() {
  ++watch_->dispatched;
  watch_->started = std::chrono::steady_clock::now();
  if (watch_->task_timeout.has_value()) {
    context_.deadline = watch_->started + *watch_->task_timeout;
  }
}

std::exception_ptr SequentialLoop::EndSlowly() {
  SequentialWatch& watch = *watch_;
  ++watch.completed;
  const bool is_late = context_.deadline.has_value() &&
                       std::chrono::steady_clock::now() >= *context_.deadline;
  watch.TaskDone(/*failed=*/is_late);
  std::exception_ptr late;
  if (is_late) {
    late = std::make_exception_ptr(TimeoutError(absl::StrCat(
        "task_timeout: task ", watch.dispatched - 1,
        " was still running after ",
        GeneralText(std::chrono::duration<double>(*watch.task_timeout).count(),
                    6),
        " s.")));
    if (!watch.errors_are_values) std::rethrow_exception(late);
  }
  if (watch.reporter.verbose()) watch.reporter.Line(watch.State());
  watch.reporter.Progress(watch.completed);
  return late;
}

void SequentialLoop::FailSlowly() {
  ++watch_->completed;
  watch_->TaskDone(/*failed=*/true);
  if (watch_->reporter.verbose()) watch_->reporter.Line(watch_->State());
  watch_->reporter.Progress(watch_->completed);
}

void SequentialLoop::Finish() {
  if (watch_ == nullptr || !watch_->reporter.verbose()) return;
  ProgressState state = watch_->State();
  state.input_exhausted = true;
  state.is_completed = true;
  watch_->reporter.Line(state);
}

}  // namespace joblib::internal
