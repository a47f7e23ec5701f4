#include "joblib/backends/sequential_backend.h"

#include <utility>

#include "joblib/core/n_jobs.h"

namespace joblib {

int SequentialBackend::effective_n_jobs(NJobs n_jobs) const {
  internal::ResolveNJobs(n_jobs, [] { return 1; });
  return 1;
}

void SequentialBackend::submit(Batch batch) { batch.run(); }

}  // namespace joblib
