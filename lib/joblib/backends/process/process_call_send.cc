// Leases and requests.
#include <algorithm>
#include <utility>

#include "joblib/backends/process/process_call.h"
#include "joblib/backends/process/result_arrays.h"
#include "joblib/backends/process/shared_memory_value.h"
#include "joblib/core/code_refs.h"

namespace joblib::internal {
namespace {

// What runs and what comes next: a worker never waits for the caller.
constexpr std::size_t kBatchesAhead = 2;
// How long a call keeps its only worker while another one has none.
constexpr std::chrono::milliseconds kSlice{5};
// What an idle worker leaves another one before it takes half of the rest:
// about a wake-up, within which short tasks are done anyway.
constexpr std::chrono::microseconds kBalanceDelay{50};

// In a forked worker.
void RunForkedTask(ByteReader& call, ByteWriter& result) {
  const auto task = call.Get<ForkedTask>();
  task.block->RunEncoded(task.index, result);
}
constexpr ShippedRunner kForkedTaskRunner = {ShippedRunner::kMark,
                                             RunForkedTask};

// The worker is to let go of the values that have ended here.
void ForgetEnded(WorkerLink& link) {
  for (const std::uint64_t number : DeadNumbersSince(&link.seen_ended)) {
    if (link.shared.erase(number) != 0) link.to_forget.push_back(number);
  }
  if (link.to_forget.empty()) return;
  const bool sent =
      link.SendControl(RequestKind::kForget, [&](ByteWriter& out) {
        for (const std::uint64_t number : link.to_forget) out.Put(number);
      });
  if (sent) link.to_forget.clear();
}

}  // namespace

void ProcessCall::LeaseAndYield() {
  if (pool_->SomebodyStarves() && !held_.empty()) {
    // A worker goes as soon as what runs on it ends; the last one only after
    // its time. One that is killed goes by its end.
    const Clock::time_point now = Clock::now();
    Held& last = held_.back();
    if (!last.ending_since.has_value() &&
        (held_.size() > 1 || now - last.since >= kSlice)) {
      if (!last.link->sent().empty() || last.sending != nullptr) {
        TakeBack(last, static_cast<std::uint32_t>(last.link->sent().size()));
      }
      last.sending = nullptr;
      if (!last.link->has_tasks() && last.shipments.empty()) {
        GiveBack(held_.size() - 1);
      }
    }
    return;
  }
  if (waiting_.empty() || runner_error_ != nullptr) return;
  int wanted = traits_.n_jobs - static_cast<int>(held_.size());
  if (traits_.n_tasks >= 0) {
    wanted = static_cast<int>(std::min<std::int64_t>(
        wanted, traits_.n_tasks - static_cast<std::int64_t>(held_.size())));
  }
  if (pool_->forks()) {
    // Forked now, they know what was read by now and no more.
    if (!FindRunner(*waiting_.front()->state->block)) return;
    wanted = std::min(wanted, static_cast<int>(waiting_.size()));
  }
  if (wanted <= 0) return;
  std::vector<ProcessPool::Lease> leases;
  try {
    leases = pool_->Acquire(holder_, wanted);
  } catch (...) {
    if (held_.empty()) FailAll(std::current_exception());
    return;
  }
  waits_for_lease_ = leases.empty() && held_.empty();
  for (ProcessPool::Lease& lease : leases) {
    Held held;
    const auto free =
        std::find(index_taken_.begin(), index_taken_.end(), false);
    held.index = static_cast<int>(free - index_taken_.begin());
    if (free == index_taken_.end()) index_taken_.push_back(false);
    index_taken_[static_cast<std::size_t>(held.index)] = true;
    held.is_new = lease.is_new;
    held.needs_initializer = lease.is_new && pool_->initializer() != nullptr;
    held.since = Clock::now();
    held.link = std::move(lease.link);
    held.link->arrays = &traits_.arrays;
    held.link->array_warnings = &array_warnings_;
    held.link->repeated = &repeated_;
    held.link->warnings = &warnings_;
    held.link->channel().header().bell.store(holder_->bell);
    held.link->SetStop(false);
    if (lease.is_new) waiter_.ExpectLong();
    held_.push_back(std::move(held));
  }
}

void ProcessCall::GiveBack(std::size_t i) {
  index_taken_[static_cast<std::size_t>(held_[i].index)] = false;
  const bool killed = held_[i].killed;
  const std::shared_ptr<WorkerLink> link = std::move(held_[i].link);
  link->arrays = nullptr;
  link->array_warnings = nullptr;
  link->repeated = nullptr;
  link->warnings = nullptr;
  held_.erase(held_.begin() + static_cast<std::ptrdiff_t>(i));
  if (killed) {
    pool_->Drop(link, /*replace=*/true);  // Its end is near.
  } else {
    pool_->GiveBack(link);
  }
}

bool ProcessCall::FindRunner(const TaskBlock& block) {
  if (runner_ != nullptr) return true;
  if (runner_error_ != nullptr) return false;
  try {
    runner_ = &block.Runner();
  } catch (...) {
    if (pool_->forks()) {
      runner_ = &kForkedTaskRunner;
      by_pointer_ = true;
    } else {
      runner_error_ = std::current_exception();
    }
  }
  return runner_ != nullptr;
}

bool ProcessCall::SendHeader(Held& held) {
  WorkerLink& link = *held.link;
  CallHeader header = {};
  header.task_timeout =
      traits_.task_timeout.has_value()
          ? std::chrono::nanoseconds(*traits_.task_timeout).count()
          : 0;
  header.worker_index = held.index;
  header.nesting_level = nesting_level_;
  header.is_traced = traits_.is_traced ? 1 : 0;
  header.hands_over_above = -1;
  if (traits_.arrays.max_nbytes.has_value() &&
      !traits_.arrays.mmap_mode.empty()) {
    header.hands_over_above =
        std::max(*traits_.arrays.max_nbytes, kMinHandedOverBytes);
  }
  header.float_environment = float_environment_;
  if (std::exchange(held.needs_initializer, false)) {
    const KeptCall& call = *pool_->initializer();
    CallHeader first = header;
    first.task_timeout = 0;
    first.is_traced = 0;
    const bool sent = link.SendCode(RequestKind::kInitializer, call.Runner(),
                                    [&](ByteWriter& out, CodeRef runner) {
                                      first.runner = runner;
                                      out.Put(first);
                                      call.Encode(out);
                                    });
    if (!sent) return false;
  }
  return link.SendCode(RequestKind::kCall, *runner_,
                       [&](ByteWriter& out, CodeRef runner) {
                         header.runner = runner;
                         out.Put(header);
                       });
}

ProcessCall::Held* ProcessCall::LeastLoaded() {
  Held* found = nullptr;
  for (Held& held : held_) {
    if (by_pointer_ && held.header_sent) continue;
    if (held.ending_since.has_value() || held.sending != nullptr ||
        held.shipments.size() >= kBatchesAhead || held.link->ended()) {
      continue;
    }
    if (found == nullptr || held.shipments.size() < found->shipments.size()) {
      found = &held;
    }
  }
  return found;
}

void ProcessCall::SendAll() {
  while (!waiting_.empty() && !FindRunner(*waiting_.front()->state->block)) {
    // None of the call's tasks can travel.
    if (!Fail(*waiting_.front(), runner_error_)) return;
    if (waiting_.front()->done == waiting_.front()->end) {
      std::unique_ptr<Shipment> over = std::move(waiting_.front());
      waiting_.pop_front();
      Report(std::move(over));
    }
  }
  const bool yields = pool_->SomebodyStarves();
  for (;;) {
    for (Held& held : held_) {
      if (held.sending != nullptr) SendTo(held);
      if (aborted_.load()) return;
    }
    if (waiting_.empty() || (yields && held_.size() > 1)) break;
    Held* const held = LeastLoaded();
    if (held == nullptr) break;
    held->shipments.push_back(std::move(waiting_.front()));
    waiting_.pop_front();
    held->sending = held->shipments.back().get();
    Shipment& shipment = *held->sending;
    shipment.by_pointer = by_pointer_;
    if (!shipment.begun) {
      shipment.begun = true;
      if (!receiver_->BeginShipped(*shipment.state)) return;
    }
    SendTo(*held);
    if (aborted_.load()) return;
  }
  for (Held& held : held_) {
    SetRingAt(held);
    held.link->Publish();
  }
  // Once for a call: the next array meets the same full folder.
  if (!array_warnings_.empty() && !std::exchange(array_warned_, true)) {
    warnings_.push_back({"UserWarning", std::move(array_warnings_.front())});
  }
  array_warnings_.clear();
}

void ProcessCall::SendTo(Held& held) {
  Shipment& shipment = *held.sending;
  ForgetEnded(*held.link);
  if (!held.header_sent) {
    try {
      if (!SendHeader(held)) return;
    } catch (...) {
      FailAll(std::current_exception());
      return;
    }
    held.header_sent = true;
  }
  while (shipment.next < shipment.end) {
    try {
      if (!held.link->SendTask(shipment, shipment.next,
                               shipment.next + 1 == shipment.end)) {
        return;
      }
      ++shipment.next;
    } catch (...) {
      // Its turn to fail comes once those before it have ended.
      if (shipment.done < shipment.next) return;
      if (!Fail(shipment, std::current_exception())) return;
    }
  }
  held.sending = nullptr;
  if (shipment.done == shipment.end) ReportEnded(held);
}

void ProcessCall::SetRingAt(const Held& held) const {
  const auto under_way = static_cast<std::uint32_t>(held.link->sent().size());
  if (under_way == 0) return;
  if (traits_.is_watched || held.shipments.empty() ||
      pool_->SomebodyStarves()) {
    held.link->RingAt(kSeqMask);
    return;
  }
  // Once the first batch is done; where more waits to be sent, in time for it.
  const Shipment& first = *held.shipments.front();
  const std::uint32_t of_first = std::min(first.next - first.done, under_way);
  std::uint32_t at = under_way - of_first;
  if (held.sending != nullptr) at = std::max(at, under_way / 2);
  held.link->RingAt(at);
}

std::uint32_t ProcessCall::TakeBack(Held& held, std::uint32_t n) {
  const std::uint32_t taken = held.link->TakeBack(n);
  held.sending = nullptr;
  std::uint32_t left = taken;
  // From the last one on: whole shipments, then a part of one.
  while (!held.shipments.empty()) {
    std::unique_ptr<Shipment>& last = held.shipments.back();
    const std::uint32_t sent = last->next - last->done;
    const std::uint32_t of_last = std::min(left, sent);
    last->next -= of_last;
    left -= of_last;
    if (last->next == last->done) {  // All of it.
      waiting_.push_front(std::move(last));
      held.shipments.pop_back();
    } else if (last->next < last->end) {
      auto tail = std::make_unique<Shipment>();
      tail->batch = receiver_->SplitBatch(*last->state, last->next);
      tail->state = &BatchReceiver::StateOf(tail->batch);
      tail->next = tail->done = last->next;
      tail->end = last->end;
      last->end = last->next;
      waiting_.push_front(std::move(tail));
    }
    if (left == 0) break;
  }
  return taken;
}

void ProcessCall::Balance() {
  if (!waiting_.empty() || held_.size() < 2) {
    balance_at_.reset();
    return;
  }
  Held* idle = nullptr;
  Held* most = nullptr;
  std::uint32_t unclaimed = 0;
  for (Held& held : held_) {
    if (held.ending_since.has_value() || held.link->ended()) continue;
    if (held.link->sent().empty() && held.shipments.empty()) {
      idle = &held;
      continue;
    }
    // With what was not even sent.
    std::uint32_t n = held.link->Unclaimed();
    if (held.sending != nullptr) n += held.sending->end - held.sending->next;
    if (n > unclaimed) {
      most = &held;
      unclaimed = n;
    }
  }
  if (idle == nullptr || most == nullptr) {
    balance_at_.reset();
    return;
  }
  const Clock::time_point now = Clock::now();
  if (!balance_at_.has_value()) balance_at_ = now + kBalanceDelay;
  if (now < *balance_at_) return;
  balance_at_.reset();
  const std::uint32_t unsent =
      most->sending != nullptr ? most->sending->end - most->sending->next : 0;
  const std::uint32_t half = (unclaimed + 1) / 2;
  TakeBack(*most, half > unsent ? half - unsent : 0);
  // At once and to the idle one: it must not go back where it came from.
  if (waiting_.empty()) return;
  idle->shipments.push_back(std::move(waiting_.front()));
  waiting_.pop_front();
  idle->sending = idle->shipments.back().get();
  if (!std::exchange(idle->sending->begun, true) &&
      !receiver_->BeginShipped(*idle->sending->state)) {
    return;
  }
  SendTo(*idle);
  SendAll();
}

}  // namespace joblib::internal
