// Answers, deaths and the end of a call.
#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "joblib/backends/process/keeper.h"
#include "joblib/backends/process/process_call.h"
#include "joblib/backends/process/shared_array.h"
#include "joblib/backends/process/worker_error.h"
#include "joblib/core/errors.h"
#include "joblib/core/exception_codec.h"
#include "joblib/core/outcome.h"

namespace joblib::internal {
namespace {

using Clock = std::chrono::steady_clock;

Clock::time_point At(std::int64_t nanoseconds) {
  return Clock::time_point(std::chrono::nanoseconds(nanoseconds));
}

std::exception_ptr UnserializeError(const std::exception_ptr& why) {
  return std::make_exception_ptr(BrokenProcessPool(absl::StrCat(
      "A result has failed to un-serialize. Please ensure that the objects "
      "returned by the function are always picklable. (",
      ExceptionMessage(why), ")")));
}

}  // namespace

bool ProcessCall::DrainFrom(Held& held) {
  bool any = false;
  try {
    any = held.link->Drain(
        [&](const Sent& sent, const Reply& reply)
            ABSL_NO_THREAD_SAFETY_ANALYSIS { Answered(held, sent, reply); });
  } catch (const DecodeError&) {
    // It has gone wild: as good as crashed.
    Kill(held);
  }
  if (any && !aborted_.load()) {
    ReportEnded(held);
    SetRingAt(held);
  }
  return any;
}

void ProcessCall::Answered(Held& held, const Sent& sent, const Reply& reply) {
  KnownArrays arrays(reply.arrays);
  ByteReader in(reply.payload, reply.bytes, &arrays);
  if (reply.kind == ReplyKind::kWarning) {
    Warning warning;
    warning.category = in.GetText();
    warning.message = in.GetText();
    warnings_.push_back(std::move(warning));
    return;
  }
  const bool failed = reply.kind == ReplyKind::kFailed;
  const auto error = [&](std::int64_t task, int attempt) {
    return DecodeException(
        in,
        TaskFailure(task, static_cast<int>(held.link->AwaitPid()), attempt));
  };
  if (sent.kind == RequestKind::kInitializer && failed) {
    const std::exception_ptr why = error(-1, 1);
    Kill(held);  // Never to be used: it is not what the pool is to be.
    FailAll(std::make_exception_ptr(BrokenProcessPool(
        absl::StrCat("The initializer of the worker processes failed: ",
                     ExceptionMessage(why)))));
    return;
  }
  // It lacks a descriptor, or a map: what uses the value from now on sends it
  // again.
  if (failed && sent.shared != 0) held.link->shared.erase(sent.shared);
  if (sent.kind != RequestKind::kTask) return;
  Shipment& shipment = *sent.shipment;
  if (shipment.failed) return;
  const std::int64_t task = shipment.TaskNumber(sent.index);
  fruitless_deaths_ = 0;
  if (traits_.is_traced) {
    receiver_->TraceShipped(
        *shipment.state, sent.index,
        {held.index, held.link->AwaitPid(), At(reply.times.start),
         At(reply.times.end), failed});
  }
  if (failed) {
    const auto attempts = attempts_.find(task);
    Fail(shipment,
         error(task, attempts != attempts_.end() ? attempts->second + 1 : 1));
    return;
  }
  try {
    shipment.state->block->Decode(sent.index, in);
  } catch (...) {
    Fail(shipment, UnserializeError(std::current_exception()));
    return;
  }
  shipment.done = sent.index + 1;
  ++completed_;
  BatchReceiver::ShippedTaskEnded(*shipment.state, sent.index);
}

bool ProcessCall::Fail(Shipment& shipment, const std::exception_ptr& error) {
  const std::uint32_t index = shipment.done;
  if (!shipment.begun) {
    shipment.begun = true;
    if (!receiver_->BeginShipped(*shipment.state)) return false;
  }
  if (!receiver_->ShippedTaskFailed(*shipment.state, index, error)) {
    shipment.failed = true;
    return false;
  }
  shipment.done = index + 1;
  shipment.next = std::max(shipment.next, shipment.done);
  ++completed_;
  return true;
}

void ProcessCall::FailAll(const std::exception_ptr& error) {
  const auto fail = [&](Shipment& shipment) ABSL_NO_THREAD_SAFETY_ANALYSIS {
    while (shipment.done < shipment.end) {
      if (!Fail(shipment, error)) return false;
    }
    return true;
  };
  for (Held& held : held_) {
    if (held.shipments.empty()) continue;
    // What runs there is not to end as if it had not failed.
    Kill(held);
    for (const auto& shipment : held.shipments) {
      if (!fail(*shipment)) return;
      shipment->failed = true;
    }
  }
  while (!waiting_.empty()) {
    if (!fail(*waiting_.front())) return;
    std::unique_ptr<Shipment> over = std::move(waiting_.front());
    waiting_.pop_front();
    Report(std::move(over));
  }
}

bool ProcessCall::ReportEnded(Held& held) {
  // Of a killed one they go when it is buried: until then its requests point
  // at them, also where all of their tasks have failed.
  if (held.killed) return false;
  bool any = false;
  while (!held.shipments.empty() &&
         held.shipments.front()->done == held.shipments.front()->end) {
    std::unique_ptr<Shipment> over = std::move(held.shipments.front());
    held.shipments.pop_front();
    if (held.sending == over.get()) held.sending = nullptr;
    Report(std::move(over));
    any = true;
  }
  return any;
}

void ProcessCall::DismissUsedForks() {
  if (!by_pointer_) return;
  for (std::size_t i = held_.size(); i-- > 0;) {
    const Held& held = held_[i];
    if (held.header_sent && held.shipments.empty() &&
        held.link->sent().empty() && !held.killed) {
      GiveBack(i);
    }
  }
}

void ProcessCall::Report(std::unique_ptr<Shipment> shipment) {
  receiver_->FinishShipped(std::move(shipment->batch), shipment->done);
}

void ProcessCall::Kill(Held& held) {
  if (std::exchange(held.killed, true)) return;
  if (!held.ending_since.has_value()) held.ending_since = Clock::now();
  held.link->SetStop(true);
  Keeper::Get().Kill(*held.link);
}

std::exception_ptr ProcessCall::LateError(std::int64_t task) const {
  return std::make_exception_ptr(TimeoutError(absl::StrFormat(
      "task_timeout: task %d was still running after %g s.", task,
      std::chrono::duration<double>(*traits_.task_timeout).count())));
}

void ProcessCall::BuryTask(Held& held, Shipment& shipment) {
  const std::int64_t task = shipment.TaskNumber(shipment.done);
  const int attempt = ++attempts_[task];
  shipment.next = shipment.done;
  if (attempt <= traits_.max_retries) return;
  Fail(shipment, held.condemned
                     ? LateError(task)
                     : TerminatedError(*held.link, task, attempt, completed_));
  attempts_.erase(task);
}

void ProcessCall::Bury(std::size_t i) {
  Held held = std::move(held_[i]);
  held_.erase(held_.begin() + static_cast<std::ptrdiff_t>(i));
  index_taken_[static_cast<std::size_t>(held.index)] = false;
  WorkerLink& link = *held.link;
  const Sent* const begun = link.Begun();
  Shipment* const ran = begun != nullptr && begun->kind == RequestKind::kTask &&
                                !begun->shipment->failed
                            ? begun->shipment
                            : nullptr;
  const bool was_ready = link.start_error.ok() && link.ready();
  link.ForgetSent();
  held.sending = nullptr;
  if (ran != nullptr) {
    fruitless_deaths_ = 0;
    BuryTask(held, *ran);
  }
  // The rest never began: it goes first, in its order.
  while (!held.shipments.empty()) {
    std::unique_ptr<Shipment> shipment = std::move(held.shipments.back());
    held.shipments.pop_back();
    shipment->next = shipment->done;
    waiting_.push_front(std::move(shipment));
  }
  while (!waiting_.empty() && waiting_.front()->done == waiting_.front()->end) {
    std::unique_ptr<Shipment> over = std::move(waiting_.front());
    waiting_.pop_front();
    Report(std::move(over));
  }
  const bool can_start = link.start_error.ok();
  pool_->Drop(held.link, /*replace=*/can_start && was_ready);
  if (aborted_.load() || ran != nullptr || held.killed) return;
  // Others may still serve where the system gives no more processes.
  if (!can_start && !held_.empty()) return;
  if (!was_ready) {
    FailAll(NoWorkerError(link));
  } else if (held.is_new && ++fruitless_deaths_ >= 2) {
    // Old ones may have been dead for long; to start more leads nowhere.
    FailAll(TerminatedError(link, -1, 1, completed_));
  }
}

void ProcessCall::CheckLate() {
  if (!traits_.task_timeout.has_value()) return;
  const Clock::time_point began_before = Clock::now() - *traits_.task_timeout;
  for (Held& held : held_) {
    if (held.killed || !held.link->CondemnIfLate(began_before)) continue;
    held.condemned = true;
    Kill(held);
  }
}

bool ProcessCall::CheckHellos() {
  bool told = false;
  std::exception_ptr error;
  for (Held& held : held_) {
    if (held.greeted || held.killed) continue;
    WorkerLink& link = *held.link;
    held.greeted = link.ready();
    const std::optional<HelloLimits>& limits = TheHelloLimits();
    if (held.greeted || !limits.has_value() || link.pid.load() == 0) continue;
    const Clock::time_point now = Clock::now();
    if (!held.absence_told.has_value()) {
      if (now < link.started_at + limits->warn_after) continue;
      held.absence_told = now;
      warnings_.push_back(NoHelloWarning(link));
      told = true;
      // Not from its start: all may have been stopped in the meantime.
    } else if (now >=
               *held.absence_told + limits->kill_after - limits->warn_after) {
      Kill(held);
      error = NoHelloError(link, limits->kill_after);
    }
  }
  if (error != nullptr) FailAll(error);
  return told || error != nullptr;
}

bool ProcessCall::EndAborted() {
  bool did = false;
  balance_at_.reset();  // Nothing moves any more, so nobody is to look then.
  while (!waiting_.empty()) {
    std::unique_ptr<Shipment> dropped = std::move(waiting_.front());
    waiting_.pop_front();
    Report(std::move(dropped));
    did = true;
  }
  for (std::size_t i = 0; i < held_.size();) {
    Held& held = held_[i];
    WorkerLink& link = *held.link;
    const bool ended = link.ended();
    held.sending = nullptr;
    if (!ended) link.TakeBack(static_cast<std::uint32_t>(link.sent().size()));
    // What ended before it was told still counts.
    try {
      link.Drain([&](const Sent& sent, const Reply& reply)
                     ABSL_NO_THREAD_SAFETY_ANALYSIS {
                       if (reply.kind == ReplyKind::kDone ||
                           reply.kind == ReplyKind::kWarning) {
                         Answered(held, sent, reply);
                       } else if (sent.shipment != nullptr) {
                         sent.shipment->failed = true;
                       }
                     });
    } catch (const DecodeError&) {
      Kill(held);
    }
    if (ended) link.ForgetSent();
    if (link.has_tasks()) {
      // Short tasks may end by themselves: that is cheaper than a new worker.
      const Clock::time_point now = Clock::now();
      if (!held.ending_since.has_value()) {
        held.ending_since = now;
        link.SetStop(true);
        link.RingAt(kSeqMask);
      }
      if (now >= *held.ending_since + kEndGrace) Kill(held);
      ++i;
      continue;
    }
    while (!held.shipments.empty()) {
      std::unique_ptr<Shipment> over = std::move(held.shipments.front());
      held.shipments.pop_front();
      Report(std::move(over));
      did = true;
    }
    if (ended) {
      index_taken_[static_cast<std::size_t>(held.index)] = false;
      const std::shared_ptr<WorkerLink> dead = held.link;
      held_.erase(held_.begin() + static_cast<std::ptrdiff_t>(i));
      pool_->Drop(dead, /*replace=*/dead->ready());
    } else if (held.killed) {
      ++i;  // Its end is yet to come.
    } else {
      held.ending_since.reset();
      link.SetStop(false);
      GiveBack(i);
    }
  }
  return did;
}

}  // namespace joblib::internal
