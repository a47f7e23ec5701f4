// How many CPUs and workers there are.
//
// Thread-safety: any thread. Source: joblib.cpu_count, joblib.effective_n_jobs.
#ifndef JOBLIB_CPU_COUNT_H_
#define JOBLIB_CPU_COUNT_H_

#include "joblib/core/setting.h"

namespace joblib {

// The CPUs that this process may use: the least of the system's count, the
// affinity mask, the limits of all control groups above the process, and
// LOKY_MAX_CPU_COUNT; at least 1. With only_physical_cores hyperthreads of one
// core count once (asks hwloc: some milliseconds the first time).
// Throws std::invalid_argument if LOKY_MAX_CPU_COUNT is no integer.
int cpu_count(bool only_physical_cores = false);

// How many workers a Parallel call with this n_jobs would have in the active
// scope. None: the scope's n_jobs.
int effective_n_jobs(NJobs n_jobs = -1);

}  // namespace joblib

#endif  // JOBLIB_CPU_COUNT_H_
