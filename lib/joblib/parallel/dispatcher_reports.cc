// What the calling thread tells, and the deadlines it watches.
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "joblib/core/errors.h"
#include "joblib/core/number_text.h"
#include "joblib/core/warning.h"
#include "joblib/parallel/dispatcher.h"

namespace joblib::internal {
namespace {

// How long a task may still run after its task_timeout before that is told.
constexpr std::chrono::seconds kLateTaskGrace{1};

}  // namespace

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
  state.is_completed = state.input_exhausted && state.completed == dispatched_;
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
      AbortLocked(std::make_exception_ptr(TimeoutError(absl::StrCat(
          "timeout: task ", *open_.begin(), " had no result after ",
          GeneralText(std::chrono::duration<double>(*plan_.timeout).count(), 6),
          " s."))));
      return next;
    }
    at(watched_since_ + *plan_.timeout);
  }
  if (plan_.task_timeout.has_value()) {
    std::vector<std::shared_ptr<StopState>> stops;
    std::string warning;
    for (Tracked* batch : running_) {
      const Clock::time_point limit = batch->task_started + *plan_.task_timeout;
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

void Dispatcher::WriteTrace() {
  if (trace_file_ == nullptr) return;
  const std::vector<TraceEvent> events = std::exchange(trace_, {});
  mu_.Unlock();
  trace_file_->Write(trace_file_->NextCallNumber(), events);
  mu_.Lock();
}

}  // namespace joblib::internal
