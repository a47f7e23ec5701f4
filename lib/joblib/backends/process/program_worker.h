// Starts this program again as a worker.
#ifndef JOBLIB_BACKENDS_PROCESS_PROGRAM_WORKER_H_
#define JOBLIB_BACKENDS_PROCESS_PROGRAM_WORKER_H_

#include <vector>

#include "joblib/backends/process/keeper.h"
#include "joblib/core/thread_limits.h"

namespace joblib::internal {

// With the surroundings that the calling thread sees now, and `environment`
// over them. Throws std::runtime_error where this program can't be its own
// worker, with the way out.
WorkerStarter ProgramWorkerStarter(
    const std::vector<EnvironmentVariable>& environment);

}  // namespace joblib::internal

#endif  // JOBLIB_BACKENDS_PROCESS_PROGRAM_WORKER_H_
