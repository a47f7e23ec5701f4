// n_jobs: None, -1, 2.7 -> a number of workers. Source: joblib's
// effective_n_jobs.
#ifndef JOBLIB_CORE_N_JOBS_H_
#define JOBLIB_CORE_N_JOBS_H_

#include "joblib/core/setting.h"

namespace joblib::internal {

// Rounded toward zero. Throws std::invalid_argument for what no int can hold
// (NaN, 1e300). Requires a value.
int TruncatedNJobs(const NJobs& n_jobs);

// Negative values count back from n_cpus: -1 is all of them, -2 all but one, at
// least 1; None (or unset) is 1. Throws std::invalid_argument for 0.
// `n_cpus` is asked only where it matters.
int ResolveNJobs(const NJobs& n_jobs, int (*n_cpus)());

}  // namespace joblib::internal

#endif  // JOBLIB_CORE_N_JOBS_H_
