#include "joblib/backends/loky/loky_call.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <limits>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>

#include "absl/base/const_init.h"
#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "joblib/backends/platform.h"
#include "joblib/backends/process/pool_registry.h"
#include "joblib/backends/process/process_call.h"
#include "joblib/backends/process/program_worker.h"
#include "joblib/backends/process/worker_loop.h"
#include "joblib/core/first_copy.h"
#include "joblib/core/thread_limits.h"
#include "joblib/core/thread_state.h"
#include "joblib/core/warning.h"
#include "native/cgroup_quota.h"
#include "native/environment.h"
#include "native/main_hook.h"
#include "native/thread.h"

namespace joblib::internal {
namespace {

constexpr double kIdleWorkerSeconds = 300;
constexpr int kMaxDepth = 10;

// What the workers of a pool have in common.
struct Settings {
  std::vector<EnvironmentVariable> environment;  // Laid over the program's.
  double idle_worker_timeout = kIdleWorkerSeconds;
  std::shared_ptr<const KeptCall> initializer;
  bool operator==(const Settings&) const = default;
};

struct Executor {
  std::shared_ptr<ProcessPool> pool;
  Settings settings;
  int serial = 0;
  int fork_generation = 0;
};
ABSL_CONST_INIT absl::Mutex executor_mu(absl::kConstInit);
Executor* executor ABSL_GUARDED_BY(executor_mu) = nullptr;  // Never destroyed.

// Parallel's own parameter, else that of its scope.
const BackendParam* Find(const char* name, const CallTraits& traits,
                         const ParallelBackendBase& backend) {
  for (const BackendParams* params :
       {traits.params, &backend.backend_params()}) {
    if (params == nullptr) continue;
    const auto found = params->find(name);
    if (found != params->end()) return &found->second;
  }
  return nullptr;
}

double Seconds(const BackendParam& param) {
  double seconds = std::numeric_limits<double>::quiet_NaN();
  if (param.as_double() != nullptr) {
    seconds = *param.as_double();
  } else if (param.as_integer() != nullptr) {
    seconds = static_cast<double>(*param.as_integer());
  }
  if (!(seconds >= 0)) {
    throw std::invalid_argument(
        "idle_worker_timeout must be a number of seconds from 0 on.");
  }
  return seconds;
}

Settings SettingsOf(const ParallelBackendBase& backend,
                    const CallTraits& traits) {
  Settings settings;
  std::optional<int> inner = backend.inner_max_num_threads();
  if (const BackendParam* own =
          Find("inner_max_num_threads", traits, backend)) {
    if (own->as_integer() != nullptr) {
      inner = static_cast<int>(*own->as_integer());
    }
  }
  settings.environment =
      ThreadLimits(inner, CpuCount(), traits.n_jobs,
                   [](const char* name) { return native::GetEnv(name); });
  if (const BackendParam* idle = Find("idle_worker_timeout", traits, backend)) {
    settings.idle_worker_timeout = Seconds(*idle);
  }
  if (const BackendParam* call = Find("initializer", traits, backend)) {
    settings.initializer = call->as_call();
    if (settings.initializer == nullptr) {
      throw std::invalid_argument(
          "initializer must be a delayed call: "
          "{{\"initializer\", joblib::delayed(f)(arguments...)}}.");
    }
  }
  return settings;
}

int MaxDepth() {
  const std::optional<std::string> text = native::GetEnv("LOKY_MAX_DEPTH");
  if (!text.has_value()) return kMaxDepth;
  return std::atoi(text->c_str());
}

ProcessPool::Clock::duration ToDuration(double seconds) {
  // A hundred years are for ever, and no clock overflows.
  return std::chrono::duration_cast<ProcessPool::Clock::duration>(
      std::chrono::duration<double>(std::min(seconds, 3.2e9)));
}

std::shared_ptr<ProcessPool> PoolFor(const Settings& settings, int n_jobs) {
  absl::MutexLock lock(&executor_mu);
  if (executor == nullptr) executor = new Executor;
  if (executor->fork_generation != ForkGeneration()) {
    executor->fork_generation = ForkGeneration();
    executor->pool = nullptr;  // The parent's.
  }
  if (executor->pool != nullptr && !executor->pool->retired()) {
    if (executor->settings == settings) {
      executor->pool->Resize(n_jobs);
      return executor->pool;
    }
    executor->pool->Retire();
  }
  ProcessPool::Options options;
  options.n_workers = n_jobs;
  options.idle_worker_timeout = ToDuration(settings.idle_worker_timeout);
  options.initializer = settings.initializer;
  options.starter = ProgramWorkerStarter(settings.environment);
  executor->pool = NewPool(std::move(options));
  executor->settings = settings;
  ++executor->serial;
  return executor->pool;
}

void WarnOfSharedEndOnce() {
  static std::atomic<bool> looked{false};
  if (looked.exchange(true)) return;
  const std::optional<std::string> group = native::ReadCgroupThatDiesAsOne("");
  if (!group.has_value()) return;
  Warn(absl::StrCat(
      "A worker process that runs out of memory takes this program with it: "
      "the system kills all processes of the control group ",
      *group, " at once (memory.oom.group)."));
}

// A fork() by another thread while this one chooses a pool: the child could
// never choose one.
void HandleForks() {
  static std::once_flag once;
  std::call_once(once, [] {
    native::OnFork(
        []() ABSL_NO_THREAD_SAFETY_ANALYSIS { executor_mu.Lock(); },
        []() ABSL_NO_THREAD_SAFETY_ANALYSIS { executor_mu.Unlock(); },
        []() ABSL_NO_THREAD_SAFETY_ANALYSIS { executor_mu.Unlock(); })
        .IgnoreError();
  });
}

bool OwnMayStart() {
  if (native::IsWorker() ? CurrentThread()->task != nullptr
                         : native::MainHasBegun()) {
    return true;
  }
  static std::atomic<bool> warned{false};
  if (!warned.exchange(true)) {
    Warn(
        "A Parallel call before main() or, in a worker process, outside of its "
        "tasks can't start worker processes, setting n_jobs=1: static "
        "constructors run again in each worker.");
  }
  return false;
}

std::shared_ptr<BackendCall> OwnBegin(
    const ParallelBackendBase& backend,
    const std::shared_ptr<BatchReceiver>& receiver, const CallTraits& traits) {
  if (const int max_depth = MaxDepth(); WorkerDepth() >= max_depth) {
    throw std::runtime_error(absl::StrCat(
        "Could not spawn extra nested processes at depth superior to "
        "MAX_DEPTH=",
        max_depth,
        ". If this is intendend, you can change this limit with the "
        "LOKY_MAX_DEPTH environment variable."));
  }
  std::shared_ptr<ProcessPool> pool =
      PoolFor(SettingsOf(backend, traits), traits.n_jobs);
  WarnOfSharedEndOnce();
  HandleForks();  // After the pools' own handlers, so that it locks first.
  auto call = std::make_shared<ProcessCall>(std::move(pool), receiver, traits,
                                            backend.nesting_level() + 1);
  call->Begin();
  return call;
}

struct LokyFunctions {
  bool (*may_start)();
  std::shared_ptr<BackendCall> (*begin)(const ParallelBackendBase&,
                                        const std::shared_ptr<BatchReceiver>&,
                                        const CallTraits&);
};

}  // namespace

JOBLIB_COPY_OF("loky", LokyFunctions, joblib_copy_loky, {OwnMayStart, OwnBegin})

namespace {
const LokyFunctions& TheLoky() {
  static const LokyFunctions& first = FirstCopy("loky", joblib_copy_loky);
  return first;
}
}  // namespace

bool MayStartWorkers() { return TheLoky().may_start(); }

std::shared_ptr<BackendCall> BeginLokyCall(
    const ParallelBackendBase& backend,
    const std::shared_ptr<BatchReceiver>& receiver, const CallTraits& traits) {
  return TheLoky().begin(backend, receiver, traits);
}

void ShutdownLoky() {
  {
    absl::MutexLock lock(&executor_mu);
    if (executor != nullptr) executor->pool = nullptr;
  }
  if (Keeper::IfAny() != nullptr) RetireAllPools();
}

PoolView LokyPoolForTest() {
  for (;;) {
    absl::MutexLock lock(&executor_mu);
    if (executor == nullptr || executor->pool == nullptr) return {};
    PoolView view = {executor->serial, executor->pool->pids()};
    // 0: the keeper is about to start it.
    if (std::count(view.pids.begin(), view.pids.end(), 0) == 0) return view;
    std::this_thread::yield();
  }
}

}  // namespace joblib::internal
