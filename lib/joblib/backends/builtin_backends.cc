#include "joblib/backends/builtin_backends.h"

#include <atomic>
#include <memory>
#include <string>

#include "joblib/backends/platform.h"
#include "joblib/backends/threading/thread_pool.h"
#include "joblib/core/backend_access.h"
#include "joblib/core/backend_registry.h"

namespace joblib::internal {
namespace {

std::atomic<BackendRegistry*> the_registry{nullptr};

template <class B>
BackendFactory Factory() {
  return [](const BackendParams& params) {
    auto backend = std::make_shared<B>();
    BackendAccess::SetParams(*backend, params);
    return backend;
  };
}

BackendRegistry* NewRegistry() {
  auto* registry = new BackendRegistry;
  registry->Register("sequential", Factory<SequentialBackend>(), false);
  registry->Register("threading", Factory<ThreadingBackend>(), true);
  if (ProcessesAvailable()) {
    registry->Register("multiprocessing", Factory<MultiprocessingBackend>(),
                       false);
    registry->Register("loky", Factory<LokyBackend>(), true);
  }
  return registry;
}

}  // namespace

BackendRegistry& Registry() {
  BackendRegistry* registry = the_registry.load(std::memory_order_acquire);
  if (registry == nullptr) {
    BackendRegistry* fresh = NewRegistry();
    if (the_registry.compare_exchange_strong(registry, fresh)) return *fresh;
    delete fresh;
  }
  return *registry;
}

bool IsProcessBackend(const std::string& name) {
  return name == "loky" || name == "multiprocessing";
}

bool IsMissingHere(const std::string& name) {
  return IsProcessBackend(name) && !Registry().Has(name);
}

void ResetRegistryForTest() { delete the_registry.exchange(NewRegistry()); }

void ShutdownBackends() { ThreadPool::Get().Shrink(); }

}  // namespace joblib::internal
