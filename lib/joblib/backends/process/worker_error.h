// What a call says of a worker that ended, in joblib's words and more of them.
#ifndef JOBLIB_BACKENDS_PROCESS_WORKER_ERROR_H_
#define JOBLIB_BACKENDS_PROCESS_WORKER_ERROR_H_

#include <chrono>
#include <cstdint>
#include <exception>
#include <optional>

#include "joblib/backends/process/worker_link.h"
#include "joblib/core/warning.h"

namespace joblib::internal {

// task < 0: it ran none. `completed`: tasks of the call that had ended.
std::exception_ptr TerminatedError(const WorkerLink& link, std::int64_t task,
                                   int attempt, std::int64_t completed);
// It ended before it served anything, or could not be started.
std::exception_ptr NoWorkerError(const WorkerLink& link);

// It runs and is not ready() to serve for that long: it will be killed.
std::exception_ptr NoHelloError(const WorkerLink& link,
                                std::chrono::steady_clock::duration limit);
Warning NoHelloWarning(const WorkerLink& link);
// How long after its start a worker that is not ready is told of, and killed;
// none: never.
struct HelloLimits {
  std::chrono::steady_clock::duration warn_after, kill_after;
};
// By JOBLIB_WORKER_START_TIMEOUT.
const std::optional<HelloLimits>& TheHelloLimits();

}  // namespace joblib::internal

#endif  // JOBLIB_BACKENDS_PROCESS_WORKER_ERROR_H_
