#include "joblib/backends/process/process_call.h"

#include <algorithm>
#include <utility>

#include "joblib/backends/process/keeper.h"
#include "joblib/backends/process/pool_registry.h"
#include "native/thread.h"

namespace joblib::internal {
namespace {

// Nobody sleeps longer without looking again: a worker gone wild may have
// cleared the bell.
constexpr std::chrono::milliseconds kLookAgain{100};

// The call whose driver the calling thread is at the moment.
thread_local const ProcessCall* polling = nullptr;

std::atomic<std::uint32_t> next_bell{0};

// Without drive_mu_: who hears of them may call anything.
void Emit(const std::vector<Warning>& warnings) {
  for (const Warning& warning : warnings) EmitWarning(warning);
}

}  // namespace

ProcessCall::ProcessCall(std::shared_ptr<ProcessPool> pool,
                         std::weak_ptr<BatchReceiver> receiver,
                         const CallTraits& traits, int nesting_level)
    : pool_(std::move(pool)),
      weak_receiver_(std::move(receiver)),
      traits_(traits),
      is_stream_(traits.is_stream),
      nesting_level_(nesting_level),
      fork_generation_(ForkGeneration()),
      float_environment_(native::FloatEnvironment::OfThisThread()),
      holder_(std::make_shared<LeaseHolder>()) {
  traits_.params = nullptr;  // The plan's, which moves.
  holder_->bell = next_bell.fetch_add(1);
}

ProcessCall::~ProcessCall() = default;

bool ProcessCall::is_foreign() const {
  return fork_generation_ != ForkGeneration();
}

void ProcessCall::Begin() {
  if (!is_stream_) return;
  {
    absl::MutexLock lock(&stream_mu_);
    stream_driver_lives_ = true;
  }
  const absl::Status started = native::StartThread(
      [self = shared_from_this()] { self->DriveStream(); }, "joblib-driver");
  if (started.ok()) return;
  absl::MutexLock lock(&stream_mu_);
  stream_driver_lives_ = false;
  throw std::runtime_error("joblib can't start a thread for a generator: " +
                           std::string(started.message()));
}

void ProcessCall::DriveStream() {
  while (!closed_.load()) Drive(std::nullopt);
  absl::MutexLock lock(&stream_mu_);
  stream_driver_lives_ = false;
}

void ProcessCall::WakeHelper() {
  poked_.store(true);
  if (polling == this || is_foreign()) return;
  Keeper::Get().bells().at(holder_->bell).Ring(true);
}

void ProcessCall::Submit(Batch batch) {
  {
    absl::MutexLock lock(&queue_mu_);
    submitted_.push_back(std::move(batch));
    any_submitted_.store(true);
  }
  if (polling == this) return;  // Its Poll() goes on with it.
  if (!drive_mu_.TryLock()) {
    WakeHelper();
    return;
  }
  Poll();
  const std::vector<Warning> warnings = std::exchange(warnings_, {});
  drive_mu_.Unlock();
  Emit(warnings);
}

void ProcessCall::Help(const std::atomic<bool>& over) {
  while (!over.load(std::memory_order_acquire)) Drive(std::nullopt);
}

void ProcessCall::Abort() {
  aborted_.store(true);
  WakeHelper();
}

void ProcessCall::Drive(std::optional<Clock::time_point> deadline) {
  std::vector<Warning> warnings;
  {
    absl::MutexLock lock(&drive_mu_);
    holder_->attends.store(true);
    for (;;) {
      Bell* const bell =
          is_foreign() ? nullptr : &Keeper::Get().bells().at(holder_->bell);
      const std::uint32_t heard = bell != nullptr ? bell->Listen() : 0;
      if (Poll() || poked_.exchange(false) || bell == nullptr ||
          closed_.load()) {
        break;
      }
      const auto ready = [&]() ABSL_NO_THREAD_SAFETY_ANALYSIS {
        return bell->RungSince(heard) || poked_.load() || Ready();
      };
      if (waiter_.Look(ready)) {
        waiter_.End();
        continue;
      }
      const Clock::time_point now = Clock::now();
      Clock::time_point until = now + kLookAgain;
      if (deadline.has_value()) until = std::min(until, *deadline);
      if (const auto look = NextLook()) until = std::min(until, *look);
      if (until > now && bell->Announce(heard)) {
        if (poked_.load() || Ready()) {
          bell->Retract();
        } else {
          drive_mu_.Unlock();
          bell->Wait(heard, until - now);
          drive_mu_.Lock();
        }
      }
      waiter_.End();
      if (deadline.has_value() && Clock::now() >= *deadline) {
        Poll();
        break;
      }
    }
    holder_->attends.store(false);
    warnings.swap(warnings_);
  }
  Emit(warnings);
}

// What a sleeper looks at: whether a worker has answered.
bool ProcessCall::Ready() const {
  return std::any_of(held_.begin(), held_.end(),
                     [](const Held& held) { return held.link->HasAnswers(); });
}

bool ProcessCall::Poll() {
  const std::shared_ptr<BatchReceiver> receiver = weak_receiver_.lock();
  if (receiver == nullptr) return true;
  receiver_ = receiver.get();
  const ProcessCall* const outer = std::exchange(polling, this);
  bool did = false;
  for (bool again = true; again;) {
    again = false;
    TakeSubmitted();
    if (is_foreign()) {
      // The workers are the parent's: nothing of this call will come back.
      for (Held& held : held_) {
        for (auto& shipment : held.shipments) {
          waiting_.push_back(std::move(shipment));
        }
      }
      held_.clear();
      aborted_.store(true);
    }
    if (aborted_.load()) {
      did |= EndAborted();
      again = any_submitted_.load();
      continue;
    }
    for (std::size_t i = 0; i < held_.size();) {
      const bool ended = held_[i].link->ended();
      again |= DrainFrom(held_[i]);
      if (aborted_.load()) break;
      if (ended) {
        Bury(i);
        again = true;
        if (aborted_.load()) break;
      } else {
        ++i;
      }
    }
    if (aborted_.load()) {
      again = true;
      continue;
    }
    did |= again;
    DismissUsedForks();
    LeaseAndYield();
    SendAll();
    CheckLate();
    did |= CheckHellos();
    Balance();
    again |= any_submitted_.load() || aborted_.load();
  }
  polling = outer;
  if (did && is_stream_) receiver->TellReader();
  return did;
}

void ProcessCall::TakeSubmitted() {
  if (!any_submitted_.load()) return;
  absl::MutexLock lock(&queue_mu_);
  any_submitted_.store(false);
  while (!submitted_.empty()) {
    auto shipment = std::make_unique<Shipment>();
    shipment->batch = std::move(submitted_.front());
    submitted_.pop_front();
    shipment->state = &BatchReceiver::StateOf(shipment->batch);
    shipment->next = shipment->done = shipment->state->begin;
    shipment->end = shipment->state->end;
    waiting_.push_back(std::move(shipment));
  }
}

std::optional<ProcessCall::Clock::time_point> ProcessCall::NextLook() const {
  std::optional<Clock::time_point> next = balance_at_;
  const auto at = [&next](Clock::time_point t) {
    if (!next.has_value() || t < *next) next = t;
  };
  if (waits_for_lease_) at(Clock::now() + kLeasePatience);
  for (const Held& held : held_) {
    if (held.ending_since.has_value() && !held.killed) {
      at(*held.ending_since + kEndGrace);
    }
    if (!traits_.task_timeout.has_value() || held.link->sent().empty()) {
      continue;
    }
    const std::optional<Clock::time_point> began = held.link->TaskBegan();
    at((began.has_value() ? *began : Clock::now()) + *traits_.task_timeout);
  }
  return next;
}

void ProcessCall::Close() {
  closed_.store(true);
  if (is_foreign()) return;
  if (is_stream_) {
    WakeHelper();
    absl::MutexLock lock(&stream_mu_);
    const auto gone = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(stream_mu_) {
      return !stream_driver_lives_;
    };
    stream_mu_.Await(absl::Condition(&gone));
  }
  std::vector<Warning> warnings;
  {
    absl::MutexLock lock(&drive_mu_);
    while (!held_.empty()) GiveBack(held_.size() - 1);
    warnings.swap(warnings_);
  }
  pool_->StopWaiting(*holder_);
  if (owns_pool_) pool_->Retire();
  Emit(warnings);
}

}  // namespace joblib::internal
