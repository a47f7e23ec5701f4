// ParallelOptions: the options of joblib::Parallel, in joblib's order, then
// ours. A field left unset takes the value of the enclosing parallel_config
// scope, then the default.
//
// Source: joblib.Parallel's documentation.
#ifndef JOBLIB_PARALLEL_OPTIONS_H_
#define JOBLIB_PARALLEL_OPTIONS_H_

#include "joblib/core/backend_params.h"
#include "joblib/core/setting.h"
#include "joblib/core/stop_token.h"
#include "joblib/parallel/progress.h"

namespace joblib {

// Namespace-scope, not nested: Parallel's default argument needs it complete.
struct ParallelOptions {
  // Workers; -1: all CPUs, -2: all but one. Default: 1.
  NJobs n_jobs = {};
  // A name or an instance. Default: the scope's, else "loky".
  Setting<internal::BackendChoice> backend = {};
  // Progress lines from 1 on, more with each step; all of them above 10; to
  // stdout instead of stderr from 50 on.
  Setting<internal::Integer> verbose = {};
  // How long to wait for the next result: then TimeoutError. The tasks that run
  // at that moment stay on their threads, which the pool replaces: they must
  // not hold references to what ends with the call. Default: for ever.
  Setting<internal::Seconds> timeout = {};
  // Tasks that travel together, or "auto".
  Setting<internal::IntegerOrText> batch_size = {};
  // Tasks read ahead: a number, "all" or arithmetic like "2 * n_jobs".
  Setting<internal::IntegerOrText> pre_dispatch = {};
  // These three matter for process backends. Where copies of large arrays lie.
  Setting<internal::Text> temp_folder = {};
  // Arrays with more bytes are mapped: a number, or "10K", "1.5M", "2G". None:
  // no array. Default: "1M".
  Setting<internal::IntegerOrText> max_nbytes = {};
  // "r", "r+", "w+" or "c"; None: no array is mapped. Default: "r".
  MmapMode mmap_mode = {};
  // "processes" or "threads": a hint where no backend is named.
  Setting<internal::Text> prefer = {};
  // "sharedmem": tasks must see the caller's memory.
  Setting<internal::Text> require = {};
  // Threads that libraries may use inside one worker process.
  Setting<internal::Integer> inner_max_num_threads = {};
  // Parameters of the backend, such as {{"idle_worker_timeout", 10}}.
  BackendParamsSetting backend_params = {};
  // How often a task is started anew after its worker died or its task_timeout
  // was over. Process backends.
  Setting<internal::Integer> max_retries = {};
  // How long one task may run: then it fails with TimeoutError. On threads the
  // task has to notice, see stop_requested().
  Setting<internal::Seconds> task_timeout = {};
  // Called on the calling thread for each finished task.
  Setting<ProgressCallback> progress = {};
  // Ends the call with CancelledError.
  Setting<StopToken> stop_token = {};
  // A file for Trace Event JSON; else the variable JOBLIB_TRACE names one.
  Setting<internal::Text> trace = {};
};

}  // namespace joblib

#endif  // JOBLIB_PARALLEL_OPTIONS_H_
