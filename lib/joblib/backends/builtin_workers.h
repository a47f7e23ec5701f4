// The program as its own worker: what serves in a process that was started as
// one, and how functions travel there. Put in place before main.
#ifndef JOBLIB_BACKENDS_BUILTIN_WORKERS_H_
#define JOBLIB_BACKENDS_BUILTIN_WORKERS_H_

namespace joblib::internal {

// Once; again it does nothing.
void ConnectWorkers();

}  // namespace joblib::internal

#endif  // JOBLIB_BACKENDS_BUILTIN_WORKERS_H_
