// The environment variables that keep a worker process from starting more
// threads than its share of the processors: inner_max_num_threads.

#ifndef JOBLIB_CORE_THREAD_LIMITS_H_
#define JOBLIB_CORE_THREAD_LIMITS_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"

namespace joblib::internal {

struct EnvironmentVariable {
  std::string name;
  std::string value;

  bool operator==(const EnvironmentVariable&) const = default;
};

// What to lay over the parent's environment in each of `n_jobs` (>= 1) workers.
// A limit that the parent has set, even to nothing, is kept unless
// `inner_max_num_threads` is given. `parent` looks a variable of the parent up
// by its name; unset if there is none.
std::vector<EnvironmentVariable> ThreadLimits(
    std::optional<int> inner_max_num_threads, int cpu_count, int n_jobs,
    absl::FunctionRef<std::optional<std::string>(const char* name)> parent);

}  // namespace joblib::internal

#endif  // JOBLIB_CORE_THREAD_LIMITS_H_
