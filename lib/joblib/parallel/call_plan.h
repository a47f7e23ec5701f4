// CallPlan: everything that is decided about a call before it starts.
#ifndef JOBLIB_PARALLEL_CALL_PLAN_H_
#define JOBLIB_PARALLEL_CALL_PLAN_H_

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "joblib/core/array_memory.h"
#include "joblib/core/config.h"
#include "joblib/core/parallel_backend_base.h"
#include "joblib/core/stop_token.h"
#include "joblib/parallel/call.h"
#include "joblib/parallel/progress.h"

namespace joblib::internal {

struct CallPlan {
  using Duration = std::chrono::steady_clock::duration;
  static Duration ToDuration(double seconds) {
    return std::chrono::duration_cast<Duration>(
        std::chrono::duration<double>(seconds));
  }

  ReturnAs return_as = ReturnAs::kList;
  std::shared_ptr<ParallelBackendBase> backend;
  int n_jobs = 1;                            // Workers.
  int requested_n_jobs = 1;                  // As messages show it.
  std::optional<std::int64_t> batch_size;    // Unset: automatic.
  std::optional<std::int64_t> pre_dispatch;  // Unset: all. In tasks, >= 1.
  std::optional<Duration> timeout;
  std::optional<Duration> task_timeout;
  int verbose = 0;
  ProgressCallback progress;
  std::optional<StopToken> stop_token;
  std::string trace;  // A file; empty: none.
  std::int64_t max_retries = 0;
  ArrayMapping arrays;
  int backend_verbose = 0;
  BackendParams backend_params;  // Parallel's own.
  bool caller_may_help = true;
  bool keep_backend = false;  // In a session.
  ConfigRef caller_config;
  ConfigRef task_config;  // What the tasks see.

  // The caller needs its own thread, or the batches one by one.
  bool watched() const {
    return timeout || task_timeout || verbose > 0 || progress != nullptr;
  }
};

}  // namespace joblib::internal

#endif  // JOBLIB_PARALLEL_CALL_PLAN_H_
