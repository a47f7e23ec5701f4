// How a call ends.
#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "joblib/core/backend_access.h"
#include "joblib/core/warning.h"
#include "joblib/parallel/dispatcher.h"

namespace joblib::internal {
namespace {

// When a call that has to wait for its running tasks says so.
constexpr std::chrono::seconds kSlowAbort{5};

}  // namespace

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
  if (caller_drives_) {
    backend_call_->Drive(deadline);
  } else {
    caller_.Park(native::BusyThreads::MaySpin(), deadline);
  }
  mu_.Lock();
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
      WarnQuietly(
          absl::StrCat("abort_everything() of the backend threw: ", e.what()));
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
  const bool kills =
      backend_call_ != nullptr && backend_call_->runs_elsewhere();
  if (timed_out_ && !kills) return AbandonRunning();
  const Clock::time_point slow = Clock::now() + kSlowAbort;
  bool told = false;
  while (in_flight_ > 0) {
    if (!told && Clock::now() >= slow) {
      told = true;
      std::string task = "a backend still holds some";
      if (!running_.empty()) {
        Tracked& batch = *running_.front();
        task =
            absl::StrCat("task ", batch.block->first + NextOf(batch) - 1,
                         " has run for more than ", kSlowAbort.count(), " s");
      }
      mu_.Unlock();
      WarnQuietly(absl::StrCat(
          "An aborted call of joblib::Parallel still waits for its running "
          "tasks (",
          task,
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
    const std::uint32_t claimed =
        NextOf(*batch).load(std::memory_order_acquire);
    batch->abandoned_from = batch->running
                                ? std::clamp(claimed > 0 ? claimed - 1 : 0,
                                             batch->begin, batch->end)
                                : batch->begin;
    source_->LeaveOut(*batch->block, *batch->abandoned_from, batch->end);
    if (stream_ && batch->taken < *batch->abandoned_from) {
      batch->block->DestroyResults(batch->taken, *batch->abandoned_from);
    }
  }
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
