#include "joblib/backends/process/process_pool.h"

#include <algorithm>
#include <iostream>
#include <stdexcept>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "joblib/backends/process/pool_log.h"

namespace joblib::internal {
namespace {

// For a worker that was asked to leave, to flush what it has.
constexpr std::chrono::seconds kTimeToLeave{1};
// A loop that makes calls from within another one needs its spare worker again
// at once.
constexpr std::chrono::seconds kSpareTimeout{1};
// For one that was killed, to be seen dead.
constexpr absl::Duration kTimeToDie = absl::Seconds(5);

}  // namespace

ProcessPool::ProcessPool(Options options)
    : options_(std::move(options)),
      starter_(std::make_shared<const WorkerStarter>(options_.starter)),
      n_workers_(options_.n_workers) {
  LogPool("makes a pool of ", n_workers_, " worker processes",
          options_.forks ? " that are forked" : "");
}

ProcessPool::~ProcessPool() = default;

std::vector<ProcessPool::Member>::iterator ProcessPool::Find(
    const WorkerLink& link) {
  return std::find_if(members_.begin(), members_.end(),
                      [&](const Member& m) { return m.link.get() == &link; });
}

bool ProcessPool::AddMember() {
  auto link = std::make_shared<WorkerLink>(weak_from_this(), next_number_++);
  open_error_ = link->Open();
  if (!open_error_.ok()) return false;
  Member member;
  member.link = link;
  member.free_since = Clock::now();
  members_.push_back(std::move(member));
  // What its buffer holds by itself would be printed by the child, too; on the
  // thread that may have written it, which the keeper's is not.
  if (options_.forks) std::cout.flush();
  Keeper::Get().Start(std::move(link), starter_);
  return true;
}

void ProcessPool::StartMissing() {
  if (retired_ || options_.forks) return;
  while (static_cast<int>(members_.size()) < n_workers_ && AddMember()) {
  }
}

bool ProcessPool::MustNotWait(const LeaseHolder& holder) {
  bool any_here = false;
  bool all_here = true;
  bool any_attended = false;
  for (const Member& member : members_) {
    if (member.holder == nullptr) continue;
    const bool here = member.holder->thread == holder.thread;
    any_here |= here;
    all_here &= here;
    any_attended |= member.holder->attends.load();
  }
  // The calls that hold them all are this thread's: they may wait for it.
  if (any_attended && !all_here) return false;
  if (any_here && !any_attended) return true;
  for (const Waiter& waiter : waiters_) {
    if (waiter.holder.get() == &holder) {
      return Clock::now() - waiter.since >= kLeasePatience;
    }
  }
  return false;
}

std::vector<ProcessPool::Lease> ProcessPool::Acquire(
    const std::shared_ptr<LeaseHolder>& holder, int n) {
  std::vector<Lease> leases;
  absl::MutexLock lock(&mu_);
  StartMissing();
  const auto lease = [&](Member& member) {
    member.holder = holder;
    member.link->bell.store(holder->bell);
    member.link->leased.store(true);
    leases.push_back({member.link, !std::exchange(member.used, true)});
  };
  // Those that run already first: they were made first.
  for (Member& member : members_) {
    if (static_cast<int>(leases.size()) >= n) break;
    if (member.holder == nullptr && !member.link->ended()) lease(member);
  }
  // Where none may be idle: just those.
  if (options_.forks || retired_) {
    while (static_cast<int>(leases.size()) < n &&
           static_cast<int>(members_.size()) < n_workers_ && AddMember()) {
      lease(members_.back());
    }
  }
  if (leases.empty() && MustNotWait(*holder) && AddMember()) {
    LogPool("needs a worker process beyond its ", n_workers_,
            ": all are held by calls that wait for this one");
    members_.back().spare = true;
    lease(members_.back());
  }
  const auto waits =
      std::find_if(waiters_.begin(), waiters_.end(),
                   [&](const Waiter& w) { return w.holder == holder; });
  if (leases.empty()) {
    if (members_.empty()) {
      throw std::runtime_error(absl::StrCat(
          "joblib can't start a worker process: ", open_error_.message()));
    }
    if (waits == waiters_.end()) waiters_.push_back({holder, Clock::now()});
  } else if (waits != waiters_.end()) {
    waiters_.erase(waits);
  }
  n_starving_.store(static_cast<int>(waiters_.size()));
  // Kept for whoever waited.
  if (retired_ && waiters_.empty()) DismissFree(0);
  return leases;
}

void ProcessPool::StopWaiting(const LeaseHolder& holder) {
  absl::MutexLock lock(&mu_);
  const auto waits =
      std::find_if(waiters_.begin(), waiters_.end(),
                   [&](const Waiter& w) { return w.holder.get() == &holder; });
  if (waits == waiters_.end()) return;
  waiters_.erase(waits);
  n_starving_.store(static_cast<int>(waiters_.size()));
  if (retired_ && waiters_.empty()) DismissFree(0);
  RingNextWaiter();
}

void ProcessPool::RingNextWaiter() {
  if (waiters_.empty()) return;
  Keeper::Get().bells().at(waiters_.front().holder->bell).Ring(true);
}

void ProcessPool::GiveBack(const std::shared_ptr<WorkerLink>& link) {
  absl::MutexLock lock(&mu_);
  const auto found = Find(*link);
  if (found == members_.end()) return;
  link->leased.store(false);
  found->holder = nullptr;
  found->free_since = Clock::now();
  if (link->ended()) {
    members_.erase(found);
  } else if ((retired_ && waiters_.empty()) || options_.forks ||
             (static_cast<int>(members_.size()) > n_workers_ &&
              !found->spare)) {
    Member leaver = std::move(*found);
    members_.erase(found);
    Dismiss(std::move(leaver));
  }
  RingNextWaiter();
}

void ProcessPool::Drop(const std::shared_ptr<WorkerLink>& link, bool replace) {
  absl::MutexLock lock(&mu_);
  const auto found = Find(*link);
  if (found != members_.end()) members_.erase(found);
  if (replace) StartMissing();
  RingNextWaiter();
}

void ProcessPool::Dismiss(Member member) {
  WorkerLink& link = *member.link;
  if (link.ended()) return;
  LogPool("lets worker process ", link.pid.load(), " go");
  link.SendControl(RequestKind::kLeave, [](ByteWriter&) {});
  link.Publish();
  leaving_.push_back({std::move(member.link), Clock::now() + kTimeToLeave});
  Keeper::Get().Poke();
}

void ProcessPool::DismissFree(int n) {
  for (std::size_t i = members_.size(); i-- > 0;) {
    if (static_cast<int>(members_.size()) <= n) break;
    if (members_[i].holder != nullptr) continue;
    Member leaver = std::move(members_[i]);
    members_.erase(members_.begin() + static_cast<std::ptrdiff_t>(i));
    Dismiss(std::move(leaver));
  }
}

void ProcessPool::Resize(int n_workers) {
  absl::MutexLock lock(&mu_);
  if (n_workers != n_workers_) {
    LogPool("resizes the pool from ", n_workers_, " to ", n_workers,
            " worker processes");
  }
  n_workers_ = n_workers;
  DismissFree(n_workers_);
}

void ProcessPool::Retire() {
  absl::MutexLock lock(&mu_);
  if (!retired_) LogPool("gives up the pool of ", n_workers_);
  retired_ = true;
  if (waiters_.empty()) DismissFree(0);
}

bool ProcessPool::retired() const {
  absl::MutexLock lock(&mu_);
  return retired_;
}

int ProcessPool::n_workers() const {
  absl::MutexLock lock(&mu_);
  return n_workers_;
}

std::vector<std::int64_t> ProcessPool::pids() const {
  std::vector<std::int64_t> pids;
  absl::MutexLock lock(&mu_);
  for (const Member& member : members_) {
    if (!member.link->ended()) pids.push_back(member.link->pid.load());
  }
  return pids;
}

void ProcessPool::WaitUntilGone(Clock::duration patience) {
  const Clock::time_point deadline = Clock::now() + patience;
  const auto gone = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    return leaving_.empty();
  };
  absl::MutexLock lock(&mu_);
  if (mu_.AwaitWithTimeout(absl::Condition(&gone),
                           absl::FromChrono(deadline - Clock::now()))) {
    return;
  }
  for (const Leaving& leaving : leaving_) Keeper::Get().Kill(*leaving.link);
  // Where even that is not seen (a program that closed our descriptors), they
  // end with this process: it is not to wait for them.
  mu_.AwaitWithTimeout(absl::Condition(&gone), kTimeToDie);
}

void ProcessPool::OnEnd(WorkerLink& link) {
  absl::MutexLock lock(&mu_);
  const auto left =
      std::find_if(leaving_.begin(), leaving_.end(),
                   [&](const Leaving& l) { return l.link.get() == &link; });
  if (left != leaving_.end()) {
    leaving_.erase(left);
    return;
  }
  const auto found = Find(link);
  // Where a call holds it, that one buries it.
  if (found == members_.end() || found->holder != nullptr) return;
  members_.erase(found);
  RingNextWaiter();
}

std::optional<ProcessPool::Clock::time_point> ProcessPool::Tick(
    Clock::time_point now) {
  std::optional<Clock::time_point> next;
  const auto at = [&next](Clock::time_point t) {
    if (!next.has_value() || t < *next) next = t;
  };
  absl::MutexLock lock(&mu_);
  for (std::size_t i = members_.size(); i-- > 0;) {
    Member& member = members_[i];
    // One that works now leaves no sooner than if it were free from now on.
    const Clock::time_point leaves =
        (member.holder != nullptr ? now : member.free_since) +
        (member.spare ? std::min<Clock::duration>(kSpareTimeout,
                                                  options_.idle_worker_timeout)
                      : options_.idle_worker_timeout);
    if (member.holder != nullptr) {
      at(leaves);
      continue;
    }
    if (now < leaves) {
      at(leaves);
      continue;
    }
    Member leaver = std::move(member);
    members_.erase(members_.begin() + static_cast<std::ptrdiff_t>(i));
    Dismiss(std::move(leaver));
  }
  for (Leaving& leaving : leaving_) {
    if (now < leaving.kill_at) {
      at(leaving.kill_at);
    } else {
      Keeper::Get().Kill(*leaving.link);
      leaving.kill_at = now + kTimeToLeave;
      at(leaving.kill_at);
    }
  }
  return next;
}

}  // namespace joblib::internal
