// Backends: the interface, the built-in ones, and their names.
//
//   joblib::register_parallel_backend("mine",
//       [](const joblib::BackendParams&) { return std::make_shared<Mine>(); });
//   joblib::parallel_config scope({.backend = "mine"});
//
// Thread-safety: any thread.
#ifndef JOBLIB_BACKEND_H_
#define JOBLIB_BACKEND_H_

#include <functional>
#include <memory>
#include <string>

#include "joblib/backends/builtin_backends.h"
#include "joblib/core/backend_params.h"
#include "joblib/core/batch.h"
#include "joblib/core/parallel_backend_base.h"
#include "joblib/core/setting.h"

namespace joblib {

// Makes a backend of its parameters.
using BackendFactory =
    std::function<std::shared_ptr<ParallelBackendBase>(const BackendParams&)>;

// Makes `name` known; replaces what had that name. The factory gets the
// backend_params of the scope. `make_default`: used where no backend is named.
// Throws std::invalid_argument for an empty factory.
void register_parallel_backend(const std::string& name, BackendFactory factory,
                               bool make_default = false);

// Make the cluster backends known by name: README.md, "On a cluster". A scope
// of "dask" does it by itself, as in joblib. Where there are no processes
// (WebAssembly) register_ray throws std::runtime_error, and "dask" stays
// unknown.
void register_ray();
// See register_ray().
void register_dask();

// What get_active_backend() tells.
struct ActiveBackend {
  std::shared_ptr<ParallelBackendBase> backend;  // Never null.
  NJobs n_jobs;  // As asked for: unset, none or a number.
};
// What a bare Parallel() would use here.
ActiveBackend get_active_backend();

// Ends the workers that are kept between calls; later calls start new ones.
void shutdown();

// Whether this program can be its own worker process.
bool HookActive();

}  // namespace joblib

#endif  // JOBLIB_BACKEND_H_
