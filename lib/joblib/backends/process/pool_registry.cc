#include "joblib/backends/process/pool_registry.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <mutex>
#include <optional>
#include <utility>

#include "absl/base/const_init.h"
#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "native/thread.h"

namespace joblib::internal {
namespace {

using Pools = std::vector<std::weak_ptr<ProcessPool>>;

constexpr std::chrono::seconds kTimeToLeave{1};

ABSL_CONST_INIT absl::Mutex pools_mu(absl::kConstInit);
Pools* pools ABSL_GUARDED_BY(pools_mu) = nullptr;  // Never destroyed.
std::atomic<int> fork_generation{0};

std::optional<ProcessPool::Clock::time_point> TickAll(
    ProcessPool::Clock::time_point now) {
  std::optional<ProcessPool::Clock::time_point> next;
  for (const auto& pool : AllPools()) {
    const auto at = pool->Tick(now);
    if (at.has_value() && (!next.has_value() || *at < *next)) next = at;
  }
  return next;
}

void RegisterOnce() {
  static std::once_flag once;
  std::call_once(once, [] {
    native::OnFork([]() ABSL_NO_THREAD_SAFETY_ANALYSIS { pools_mu.Lock(); },
                   []() ABSL_NO_THREAD_SAFETY_ANALYSIS { pools_mu.Unlock(); },
                   []() ABSL_NO_THREAD_SAFETY_ANALYSIS {
                     // Its pools are the parent's: left alone, as are their
                     // workers.
                     pools = new Pools;
                     fork_generation.fetch_add(1);
                     pools_mu.Unlock();
                   })
        .IgnoreError();
    std::atexit([] {
      if (fork_generation.load() == 0) RetireAllPools();
    });
  });
}

}  // namespace

int ForkGeneration() { return fork_generation.load(); }

std::shared_ptr<ProcessPool> NewPool(ProcessPool::Options options) {
  RegisterOnce();
  Keeper& keeper = Keeper::Get();
  keeper.SetOnEnd([](WorkerLink& link) {
    if (const auto pool = link.pool.lock()) pool->OnEnd(link);
  });
  auto pool = std::make_shared<ProcessPool>(std::move(options));
  {
    absl::MutexLock lock(&pools_mu);
    if (pools == nullptr) pools = new Pools;
    pools->erase(std::remove_if(pools->begin(), pools->end(),
                                [](const auto& p) { return p.expired(); }),
                 pools->end());
    pools->push_back(pool);
  }
  keeper.SetTick(TickAll);
  return pool;
}

std::vector<std::shared_ptr<ProcessPool>> AllPools() {
  std::vector<std::shared_ptr<ProcessPool>> living;
  absl::MutexLock lock(&pools_mu);
  if (pools == nullptr) return living;
  for (const auto& weak : *pools) {
    if (auto pool = weak.lock()) living.push_back(std::move(pool));
  }
  return living;
}

void RetireAllPools() {
  const auto all = AllPools();
  for (const auto& pool : all) pool->Retire();
  for (const auto& pool : all) pool->WaitUntilGone(kTimeToLeave);
}

}  // namespace joblib::internal
