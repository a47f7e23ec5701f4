// What the machine and the environment offer to the built-in backends.
#ifndef JOBLIB_BACKENDS_PLATFORM_H_
#define JOBLIB_BACKENDS_PLATFORM_H_

namespace joblib::internal {

// native::CpuCount(), its error thrown as std::invalid_argument and its
// warnings warned.
int CpuCount(bool only_physical_cores = false);

// Whether there are worker processes: not on WebAssembly, nor where
// JOBLIB_MULTIPROCESSING=0.
bool ProcessesAvailable();

// Whether there are threads: not on WebAssembly without them, nor (as in
// joblib) where JOBLIB_MULTIPROCESSING=0.
bool ThreadsAvailable();

}  // namespace joblib::internal

#endif  // JOBLIB_BACKENDS_PLATFORM_H_
