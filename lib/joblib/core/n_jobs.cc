#include "joblib/core/n_jobs.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <stdexcept>

#include "absl/strings/str_cat.h"
#include "joblib/core/python_repr.h"

namespace joblib::internal {

int TruncatedNJobs(const NJobs& n_jobs) {
  const double value = n_jobs.value().value;
  if (!(std::abs(value) <= std::numeric_limits<int>::max())) {
    throw std::invalid_argument(absl::StrCat(
        "n_jobs could not be converted to int: got ", PythonRepr(value),
        "; use a number of workers, or -1 for all CPUs."));
  }
  return static_cast<int>(value);
}

int ResolveNJobs(const NJobs& n_jobs, int (*n_cpus)()) {
  if (!n_jobs.has_value()) return 1;
  const int n = TruncatedNJobs(n_jobs);
  if (n == 0) {
    throw std::invalid_argument(
        "n_jobs == 0 in Parallel has no meaning; use 1 for a plain loop or -1 "
        "for all CPUs.");
  }
  if (n > 0) return n;
  return static_cast<int>(
      std::max<std::int64_t>(std::int64_t{n_cpus()} + 1 + n, 1));
}

}  // namespace joblib::internal
