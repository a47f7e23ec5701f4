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

using Pools = std::vector<std::shared_ptr<ProcessPool>>;

constexpr std::chrono::seconds kTimeToLeave{1};

ABSL_CONST_INIT absl::Mutex pools_mu(absl::kConstInit);
Pools* pools ABSL_GUARDED_BY(pools_mu) = nullptr;  // Never destroyed.
std::atomic<int> fork_generation{0};

std::optional<ProcessPool::Clock::time_point> TickAll(
    ProcessPool::Clock::time_point now) {
  std::optional<ProcessPool::Clock::time_point> next;
  Pools gone;  // They end outside of the lock.
  for (const auto& pool : AllPools()) {
    const auto at = pool->Tick(now);
    if (at.has_value() && (!next.has_value() || *at < *next)) next = at;
    // A call that still uses it may yet start workers.
    constexpr int kHere = 2;  // `pools` and the copy.
    if (pool.use_count() == kHere && pool->gone()) gone.push_back(pool);
  }
  absl::MutexLock lock(&pools_mu);
  for (const auto& pool : gone) {
    pools->erase(std::remove(pools->begin(), pools->end(), pool), pools->end());
  }
  return next;
}

void RegisterOnce() {
  static std::once_flag once;
  std::call_once(once, [] {
    native::OnFork([] { pools_mu.Lock(); }, [] { pools_mu.Unlock(); },
                   [] {
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
    pools->push_back(pool);
  }
  keeper.SetTick(TickAll);
  return pool;
}

Pools AllPools() {
  absl::MutexLock lock(&pools_mu);
  return pools != nullptr ? *pools : Pools();
}

void RetireAllPools() {
  const Pools all = AllPools();
  for (const auto& pool : all) pool->Retire();
  for (const auto& pool : all) pool->WaitUntilGone(kTimeToLeave);
}

}  // namespace joblib::internal
