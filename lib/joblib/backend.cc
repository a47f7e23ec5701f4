#include "joblib/backend.h"

#include <utility>

#include "joblib/backends/builtin_clusters.h"
#include "joblib/backends/platform.h"
#include "joblib/core/backend_registry.h"
#include "joblib/core/n_jobs.h"
#include "joblib/core/setting.h"
#include "joblib/core/thread_state.h"
#include "joblib/cpu_count.h"
#include "joblib/parallel/backend_choice.h"

namespace joblib {
namespace {

ActiveBackend Active() {
  const internal::ConfigRef config = internal::ActiveConfig();
  const int verbose = config->verbose.has_value()
                          ? static_cast<int>(config->verbose.value().value)
                          : 0;
  internal::ActiveChoice choice = internal::ChooseActiveBackend(
      *config, config->prefer, config->require, verbose);
  return {std::move(choice.backend), std::move(choice.n_jobs)};
}

}  // namespace

void register_parallel_backend(const std::string& name, BackendFactory factory,
                               bool make_default) {
  internal::ExpectWorkers();
  internal::Registry().Register(name, std::move(factory), make_default);
}

void register_ray() { internal::RegisterRay(internal::Registry()); }
void register_dask() { internal::RegisterDask(internal::Registry()); }

ActiveBackend get_active_backend() { return Active(); }

void shutdown() { internal::ShutdownBackends(); }

bool HookActive() { return false; }

int cpu_count(bool only_physical_cores) {
  return internal::CpuCount(only_physical_cores);
}

int effective_n_jobs(NJobs n_jobs) {
  if (n_jobs.has_value() && n_jobs.value().value == 1) return 1;
  const ActiveBackend active = Active();
  return active.backend->effective_n_jobs(n_jobs.has_value() ? n_jobs
                                                             : active.n_jobs);
}

}  // namespace joblib
