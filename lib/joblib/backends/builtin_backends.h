// The backends that joblib brings: their classes, and the registry that knows
// them by name.
#ifndef JOBLIB_BACKENDS_BUILTIN_BACKENDS_H_
#define JOBLIB_BACKENDS_BUILTIN_BACKENDS_H_

#include <string>

#include "joblib/backends/loky/loky_backend.h"
#include "joblib/backends/multiprocessing/multiprocessing_backend.h"
#include "joblib/backends/sequential_backend.h"
#include "joblib/backends/threading/threading_backend.h"

namespace joblib::internal {

class BackendRegistry;

// The one of the process, never destroyed.
BackendRegistry& Registry();

// Whether `name` is the backend of joblib's that runs tasks in processes.
bool IsProcessBackend(const std::string& name);
// Whether `name` is a backend that joblib has, but not on this system.
bool IsMissingHere(const std::string& name);

// Puts the registry back to what a fresh process has.
void ResetRegistryForTest();

// Ends what the backends keep between calls: idle threads.
void ShutdownBackends();

}  // namespace joblib::internal

#endif  // JOBLIB_BACKENDS_BUILTIN_BACKENDS_H_
