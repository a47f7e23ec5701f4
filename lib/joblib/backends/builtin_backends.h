// The backends that joblib brings: their classes, and the registry that knows
// them by name.
#ifndef JOBLIB_BACKENDS_BUILTIN_BACKENDS_H_
#define JOBLIB_BACKENDS_BUILTIN_BACKENDS_H_

#include <memory>
#include <string>

#include "joblib/backends/loky/loky_backend.h"
#include "joblib/backends/multiprocessing/multiprocessing_backend.h"
#include "joblib/backends/sequential_backend.h"
#include "joblib/backends/threading/threading_backend.h"
#include "joblib/core/config.h"

namespace joblib::internal {

class BackendRegistry;

// The one of the process, never destroyed.
BackendRegistry& Registry();

// Whether `name` is the backend of joblib's that runs tasks in processes.
bool IsProcessBackend(const std::string& name);
// Whether `name` is a backend that joblib has, but not on this system.
bool IsMissingHere(const std::string& name);

// What Parallel calls inside of a task use by joblib's rule: threads at the
// first level, sequential below.
std::shared_ptr<ParallelBackendBase> DefaultNestedBackend(int level);
// The configuration that says this and nothing else.
ConfigRef DefaultTaskConfig(int level);

// Puts the registry back to what a fresh process has.
void ResetRegistryForTest();

// Ends what the backends keep between calls: idle threads, worker processes.
void ShutdownBackends();

}  // namespace joblib::internal

#endif  // JOBLIB_BACKENDS_BUILTIN_BACKENDS_H_
