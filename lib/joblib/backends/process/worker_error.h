// What a call says of a worker that ended, in joblib's words and more of them.
#ifndef JOBLIB_BACKENDS_PROCESS_WORKER_ERROR_H_
#define JOBLIB_BACKENDS_PROCESS_WORKER_ERROR_H_

#include <cstdint>
#include <exception>

#include "joblib/backends/process/worker_link.h"

namespace joblib::internal {

// task < 0: it ran none. `completed`: tasks of the call that had ended.
std::exception_ptr TerminatedError(const WorkerLink& link, std::int64_t task,
                                   int attempt, std::int64_t completed);
// It ended before it served anything, or could not be started.
std::exception_ptr NoWorkerError(const WorkerLink& link);

}  // namespace joblib::internal

#endif  // JOBLIB_BACKENDS_PROCESS_WORKER_ERROR_H_
