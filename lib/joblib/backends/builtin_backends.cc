#include "joblib/backends/builtin_backends.h"

#include <atomic>
#include <memory>
#include <string>

#include "joblib/backends/builtin_clusters.h"
#include "joblib/backends/builtin_workers.h"
#include "joblib/backends/loky/loky_call.h"
#include "joblib/backends/platform.h"
#include "joblib/backends/threading/thread_pool.h"
#include "joblib/core/backend_access.h"
#include "joblib/core/backend_registry.h"
#include "joblib/core/first_copy.h"

namespace joblib::internal {
namespace {

std::atomic<BackendRegistry*> the_registry{nullptr};

template <class B>
std::shared_ptr<ParallelBackendBase> Make(const BackendParams& params) {
  auto backend = std::make_shared<B>();
  BackendAccess::SetParams(*backend, params);
  return backend;
}

BackendRegistry* NewRegistry() {
  auto* registry = new BackendRegistry;
  registry->Register("sequential", &Make<SequentialBackend>, false);
  registry->Register("threading", &Make<ThreadingBackend>, true);
  if (ProcessesAvailable()) {
    registry->Register("multiprocessing", &Make<MultiprocessingBackend>, false);
    registry->Register("loky", &Make<LokyBackend>, true);
  }
  return registry;
}

BackendRegistry& OwnRegistry() {
  // Named so that the linker takes it along.
  ConnectWorkers();
  BackendRegistry* registry = the_registry.load(std::memory_order_acquire);
  if (registry == nullptr) {
    BackendRegistry* fresh = NewRegistry();
    if (the_registry.compare_exchange_strong(registry, fresh)) return *fresh;
    delete fresh;
  }
  return *registry;
}

void OwnShutdown() {
  ThreadPool::Get().Shrink();
  ShutdownLoky();
  ShutdownClusters();
}

struct BackendFunctions {
  BackendRegistry& (*registry)();
  void (*shutdown)();
};

}  // namespace

JOBLIB_COPY_OF("backends", BackendFunctions, joblib_copy_backends,
               {OwnRegistry, OwnShutdown})

namespace {
const BackendFunctions& TheBackends() {
  static const BackendFunctions& first =
      FirstCopy("backends", joblib_copy_backends);
  return first;
}
}  // namespace

BackendRegistry& Registry() { return TheBackends().registry(); }

bool IsProcessBackend(const std::string& name) {
  return name == "loky" || name == "multiprocessing";
}

bool IsMissingHere(const std::string& name) {
  return IsProcessBackend(name) && !Registry().Has(name);
}

std::shared_ptr<ParallelBackendBase> DefaultNestedBackend(int level) {
  std::shared_ptr<ParallelBackendBase> nested;
  if (level > 1) {
    nested = std::make_shared<SequentialBackend>();
  } else {
    nested = std::make_shared<ThreadingBackend>();
  }
  BackendAccess::SetLevelIfUnset(*nested, level);
  return nested;
}

ConfigRef DefaultTaskConfig(int level) {
  constexpr int kShared = 3;  // Deeper ones are rare.
  static std::atomic<const Config*> shared[kShared + 1];
  const bool is_shared = level <= kShared;
  if (is_shared) {
    const Config* const config = shared[level].load(std::memory_order_acquire);
    if (config != nullptr) return ConfigRef(config);
  }
  auto fresh = std::make_unique<Config>();
  fresh->backend = DefaultNestedBackend(level);
  fresh->n_jobs = none;
  fresh->immortal = is_shared;
  if (!is_shared) return ConfigRef(fresh.release());
  const Config* config = nullptr;
  if (shared[level].compare_exchange_strong(config, fresh.get())) {
    config = fresh.release();
  }
  return ConfigRef(config);
}

void ResetRegistryForTest() { delete the_registry.exchange(NewRegistry()); }

void ShutdownBackends() { TheBackends().shutdown(); }

}  // namespace joblib::internal
