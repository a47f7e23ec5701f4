#include "joblib/parallel_config.h"

#include <stdexcept>
#include <utility>

#include "absl/strings/str_cat.h"
#include "joblib/backends/builtin_backends.h"
#include "joblib/backends/builtin_clusters.h"
#include "joblib/backends/platform.h"
#include "joblib/core/backend_access.h"
#include "joblib/core/backend_registry.h"
#include "joblib/core/thread_state.h"
#include "joblib/core/type_name.h"
#include "joblib/parallel/backend_choice.h"
#include "joblib/parallel/option_support.h"

namespace joblib {
namespace {

using internal::BackendAccess;
using internal::Config;

std::shared_ptr<ParallelBackendBase> ScopeBackend(const ConfigOptions& options,
                                                  const Config& enclosing) {
  const bool has_params = options.backend_params.has_value() &&
                          !options.backend_params.value().empty();
  const bool has_inner = options.inner_max_num_threads.has_value();
  if (!options.backend.has_value()) {  // None is the same as unset.
    if (has_params || has_inner) {
      throw std::invalid_argument(
          "inner_max_num_threads and other constructor parameters "
          "backend_params are only supported when backend is not None.");
    }
    return enclosing.backend;
  }
  const internal::BackendChoice& choice = options.backend.value();
  if (choice.instance != nullptr && has_params) {
    throw std::invalid_argument(
        "Constructor parameters backend_params are only supported when backend "
        "is a string.");
  }
  if (choice.instance == nullptr && choice.name == "dask" &&
      !internal::Registry().Has("dask")) {
    internal::RegisterDask(internal::Registry());  // As joblib does, only here.
    if (!internal::Registry().Has("dask")) {
      throw std::invalid_argument(
          "You are trying to use 'dask' as a joblib parallel backend but dask "
          "is not installed. Please install dask to fix this error. (There are "
          "no processes on this platform.)");
    }
  }
  const bool stands_in = choice.instance == nullptr &&
                         internal::IsProcessBackend(choice.name) &&
                         !internal::ProcessesAvailable();
  auto backend = internal::MakeBackend(
      choice, has_params ? options.backend_params.value() : BackendParams(),
      enclosing);
  // What stands in for processes where there are none has no inner threads to
  // limit: the same program text runs.
  if (has_inner && !stands_in) {
    if (!backend->supports_inner_max_num_threads()) {
      throw std::invalid_argument(
          absl::StrCat(internal::ClassNameOf(*backend),
                       " does not accept setting the inner_max_num_threads "
                       "argument."));
    }
    const auto n = options.inner_max_num_threads.value().value;
    if (n < 1) {
      throw std::invalid_argument(
          absl::StrCat("inner_max_num_threads must be at least 1, got: ", n));
    }
    BackendAccess::SetInnerMaxNumThreads(*backend, static_cast<int>(n));
  }
  // Last: what throws has not warned of it.
  if (has_params) {
    internal::WarnOfUnknownParams(options.backend_params.value(), *backend);
  }
  return backend;
}

}  // namespace

parallel_config::parallel_config(ConfigOptions options)
    : thread_(internal::CurrentThread()) {
  const internal::ConfigRef enclosing = internal::ActiveConfig();
  auto config = std::make_unique<Config>();
  config->backend = ScopeBackend(options, *enclosing);
  config->n_jobs = options.n_jobs.Or(enclosing->n_jobs);
  config->verbose = options.verbose.Or(enclosing->verbose);
  config->temp_folder = options.temp_folder.Or(enclosing->temp_folder);
  config->max_nbytes = options.max_nbytes.Or(enclosing->max_nbytes);
  config->mmap_mode = options.mmap_mode.Or(enclosing->mmap_mode);
  config->prefer = options.prefer.Or(enclosing->prefer);
  config->require = options.require.Or(enclosing->require);
  former_ = internal::SwapActiveConfig(internal::ConfigRef(config.release()));
}

parallel_config::~parallel_config() {
  // Ended on another thread it would put a stranger's configuration back there.
  if (active_ && thread_ == internal::CurrentThread()) PutBack();
}

void parallel_config::unregister() {
  if (thread_ != internal::CurrentThread()) {
    throw std::logic_error(
        "joblib::parallel_config: a scope ends on the thread that made it; "
        "this is another one.");
  }
  PutBack();
}

void parallel_config::PutBack() {
  active_ = false;
  internal::SwapActiveConfig(former_);
}

parallel_backend::parallel_backend(Setting<internal::BackendChoice> backend,
                                   ParallelBackendOptions options)
    : config_(
          {.backend = std::move(backend),
           .n_jobs = std::move(options.n_jobs),
           .inner_max_num_threads = std::move(options.inner_max_num_threads),
           .backend_params = std::move(options.backend_params)}) {}

}  // namespace joblib
