#include "joblib/backends/process/keeper.h"

#include <algorithm>
#include <csignal>
#include <stdexcept>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "joblib/backends/process/pool_log.h"
#include "native/thread.h"

namespace joblib::internal {
namespace {

using Clock = std::chrono::steady_clock;

// Where there are no pidfds the keeper asks again and again, as long as there
// are workers.
constexpr std::chrono::milliseconds kAskForEnds{5};

// From when a worker is seen to have closed its socket, which it does as it
// ends: nobody reaches one that lives on, such as one whose task called exec().
constexpr std::chrono::milliseconds kTimeToEnd{200};

// With workers, nothing is overlooked for longer: while a call has one, and
// while none has. A look costs some 100 us of CPU time.
constexpr std::chrono::seconds kLookAgain{1};
constexpr std::chrono::seconds kLookAgainIdle{10};

std::atomic<Keeper*> the_keeper{nullptr};
thread_local Keeper* keeper_of_this_thread = nullptr;
ABSL_CONST_INIT absl::Mutex making_mu(absl::kConstInit);

[[noreturn]] void Refuse(const absl::Status& status) {
  throw std::runtime_error(
      absl::StrCat("joblib can't start worker processes: ", status.message()));
}

}  // namespace

BellPage Keeper::TakeBellsAfterFork() {
  return std::move(*keeper_of_this_thread->bells_.load());
}

Keeper* Keeper::IfAny() { return the_keeper.load(std::memory_order_acquire); }

Keeper& Keeper::Get() {
  if (Keeper* const keeper = IfAny()) return *keeper;
  absl::MutexLock lock(&making_mu);
  if (Keeper* const keeper = IfAny()) return *keeper;
  absl::StatusOr<BellPage> bells = BellPage::Create();
  if (!bells.ok()) Refuse(bells.status());
  std::unique_ptr<Keeper> fresh(new Keeper(*std::move(bells)));
  if (const absl::Status opened = fresh->event_.Open(); !opened.ok()) {
    Refuse(opened);
  }
  static bool registered = false;
  if (!std::exchange(registered, true)) {
    native::PinThisModule();
    // A child has none of its parent's threads, and its workers aren't ours.
    native::OnFork([]() ABSL_NO_THREAD_SAFETY_ANALYSIS { making_mu.Lock(); },
                   []() ABSL_NO_THREAD_SAFETY_ANALYSIS { making_mu.Unlock(); },
                   []() ABSL_NO_THREAD_SAFETY_ANALYSIS {
                     the_keeper.store(nullptr);
                     making_mu.Unlock();
                   })
        .IgnoreError();
  }
  Keeper* const keeper = fresh.get();
  const absl::Status started =
      native::StartThread([keeper] { keeper->Loop(); }, "joblib-keeper");
  if (!started.ok()) Refuse(started);
  the_keeper.store(fresh.release(), std::memory_order_release);
  return *keeper;
}

void Keeper::Start(std::shared_ptr<WorkerLink> link,
                   std::shared_ptr<const WorkerStarter> starter) {
  link->life.store(WorkerLink::Life::kStarting);
  std::shared_ptr<ProcessPool> pool = link->pool.lock();
  {
    absl::MutexLock lock(&mu_);
    new_.push_back(
        {{std::move(link), std::move(pool), {}}, std::move(starter)});
  }
  Poke();
}

void Keeper::Kill(WorkerLink& link) {
  link.kill_asked.store(true);
  Poke();
}

void Keeper::SetTick(Tick tick) {
  {
    absl::MutexLock lock(&mu_);
    tick_ = std::move(tick);
  }
  Poke();
}

void Keeper::SetOnEnd(std::function<void(WorkerLink&)> on_end) {
  absl::MutexLock lock(&mu_);
  on_end_ = std::move(on_end);
}

void Keeper::Loop() {
  keeper_of_this_thread = this;
  std::vector<int> processes, sockets;
  for (;;) {
    StartNew();
    KillAsked();
    ReapEnded();
    const std::optional<Clock::time_point> tick = RunTick();
    const Clock::time_point now = Clock::now();
    std::optional<Clock::time_point> next = KillLost(now);
    const auto at = [&next](Clock::time_point t) {
      if (!next.has_value() || t < *next) next = t;
    };
    if (tick.has_value()) at(*tick);
    processes.clear();
    sockets.clear();
    for (const Kept& kept : kept_) {
      processes.push_back(kept.link->child.pidfd());
      if (processes.back() < 0) at(now + kAskForEnds);
      if (!kept.lost_since.has_value()) {
        sockets.push_back(kept.link->socket().fd());
      }
    }
    // A program may have closed what wakes us.
    if (!kept_.empty()) {
      const bool any_works = std::any_of(
          kept_.begin(), kept_.end(),
          [](const Kept& kept) { return kept.link->leased.load(); });
      at(now + (any_works ? kLookAgain : kLookAgainIdle));
    }
    if (watchdog_.is_on() && !kept_.empty()) at(Watch(now));
    std::optional<std::chrono::milliseconds> timeout;
    if (next.has_value()) {
      timeout = std::chrono::ceil<std::chrono::milliseconds>(*next - now);
    }
    event_.Wait(processes, sockets, timeout);
  }
}

void Keeper::RenewBells() {
  absl::StatusOr<BellPage> page = BellPage::Create();
  if (page.ok()) bells_.store(new BellPage(*std::move(page)));
}

void Keeper::StartNew() {
  std::vector<New> starting;
  {
    absl::MutexLock lock(&mu_);
    starting.swap(new_);
  }
  for (New& fresh : starting) StartOne(std::move(fresh.kept), *fresh.starter);
}

void Keeper::StartOne(Kept kept, const WorkerStarter& starter) {
  if (!bells().IsWhole()) RenewBells();
  WorkerLink& link = *kept.link;
  absl::StatusOr<native::ChildProcess> child = starter(link);
  link.workers_socket = native::DescriptorSocket();
  if (!child.ok()) {
    LogPool("could not start a worker process: ", child.status().message());
    link.start_error = child.status();
    End(link);
    return;
  }
  link.child = *std::move(child);
  link.started_at = Clock::now();
  link.pid.store(link.child.pid());
  LogPool("starts worker process ", link.child.pid());
  WorkerLink::Life starting = WorkerLink::Life::kStarting;
  link.life.compare_exchange_strong(starting, WorkerLink::Life::kRunning);
  kept_.push_back(std::move(kept));
}

void Keeper::KillAsked() {
  for (const Kept& kept : kept_) {
    if (!kept.link->kill_asked.exchange(false)) continue;
    LogPool("kills worker process ", kept.link->pid.load());
    kept.link->child.KillTree();
  }
}

std::optional<Clock::time_point> Keeper::KillLost(Clock::time_point now) {
  std::optional<Clock::time_point> next;
  for (Kept& kept : kept_) {
    if (!kept.lost_since.has_value()) {
      if (!kept.link->socket().PeerClosed()) continue;
      kept.lost_since = now;
    }
    if (kept.link->was_lost) continue;
    const Clock::time_point end = *kept.lost_since + kTimeToEnd;
    if (now >= end) {
      LogPool("kills worker process ", kept.link->pid.load(),
              ", which has closed its connection");
      kept.link->was_lost = true;
      kept.link->child.KillTree();
    } else if (!next.has_value() || end < *next) {
      next = end;
    }
  }
  return next;
}

void Keeper::ReapEnded() {
  for (std::size_t i = 0; i < kept_.size();) {
    const std::optional<native::ExitStatus> status =
        kept_[i].link->child.Poll();
    if (!status.has_value()) {
      ++i;
      continue;
    }
    const Kept ended = std::move(kept_[i]);
    kept_.erase(kept_.begin() + static_cast<std::ptrdiff_t>(i));
    LogPool("worker process ", ended.link->pid.load(), " has ended: ",
            status->known ? native::ChildProcess::Describe(*status)
                          : "its status is unknown");
    ended.link->end = *status;
    End(*ended.link);
  }
}

void Keeper::End(WorkerLink& link) {
  link.life.store(WorkerLink::Life::kEnded, std::memory_order_seq_cst);
  bells().at(link.bell.load()).Ring(true);
  std::function<void(WorkerLink&)> on_end;
  {
    absl::MutexLock lock(&mu_);
    on_end = on_end_;
  }
  if (on_end) on_end(link);
}

Clock::time_point Keeper::Watch(Clock::time_point now) {
  watchdog_.Begin();
  for (const Kept& kept : kept_) {
    watchdog_.See(kept.link->pid.load(), kept.link->channel().header());
  }
  return watchdog_.End(now);
}

std::optional<Clock::time_point> Keeper::RunTick() {
  Tick tick;
  {
    absl::MutexLock lock(&mu_);
    tick = tick_;
  }
  if (!tick) return std::nullopt;
  return tick(Clock::now());
}

}  // namespace joblib::internal
