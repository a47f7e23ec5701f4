#include "joblib/core/thread_limits.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace joblib::internal {

std::vector<EnvironmentVariable> ThreadLimits(
    std::optional<int> inner_max_num_threads, int cpu_count, int n_jobs,
    absl::FunctionRef<std::optional<std::string>(const char* name)> parent) {
  const std::string limit = absl::StrCat(
      inner_max_num_threads.value_or(std::max(cpu_count / n_jobs, 1)));
  std::vector<EnvironmentVariable> variables;
  for (const char* name :
       {"OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS",
        "BLIS_NUM_THREADS", "VECLIB_MAXIMUM_THREADS", "NUMBA_NUM_THREADS",
        "NUMEXPR_NUM_THREADS"}) {
    std::optional<std::string> of_parent;
    if (!inner_max_num_threads.has_value()) of_parent = parent(name);
    variables.push_back({name, of_parent.value_or(limit)});
  }
  // The TBB schedulers of the workers then share the processors.
  if (!parent("ENABLE_IPC").has_value())
    variables.push_back({"ENABLE_IPC", "1"});
  return variables;
}

}  // namespace joblib::internal
