// parallel_config: the default configuration of the Parallel calls in a scope.
//
//   {
//     joblib::parallel_config config({.backend = "threading", .n_jobs = 2});
//     forest.fit(X, y);  // Library code that calls Parallel()(...) inside.
//   }  // The previous configuration is active again.
//
// Configures the thread that constructs it, and only that one. Scopes nest: a
// field left unset keeps the enclosing scope's value, joblib::none replaces it
// by "nothing", and an option given to Parallel itself wins over every scope.
//
// Ending a scope puts back what was active when it was constructed, whatever is
// active now: scopes may end out of order. Source: joblib.parallel_config.
#ifndef JOBLIB_PARALLEL_CONFIG_H_
#define JOBLIB_PARALLEL_CONFIG_H_

#include <memory>

#include "joblib/core/backend_params.h"
#include "joblib/core/config.h"
#include "joblib/core/setting.h"

namespace joblib {

// See parallel_options.h for what each field means.
struct ConfigOptions {
  Setting<internal::BackendChoice> backend = {};     // A name or an instance.
  NJobs n_jobs = {};                                 // Workers.
  Setting<internal::Integer> verbose = {};           // Progress lines.
  Setting<internal::Text> temp_folder = {};          // Of large arrays.
  Setting<internal::IntegerOrText> max_nbytes = {};  // Larger ones are mapped.
  MmapMode mmap_mode = {};                           // How they are mapped.
  Setting<internal::Text> prefer = {};               // "threads", "processes".
  Setting<internal::Text> require = {};              // "sharedmem".
  // Threads in one worker. Goes with a backend named in the same scope.
  Setting<internal::Integer> inner_max_num_threads = {};
  // So do these.
  BackendParamsSetting backend_params = {};
};

class [[nodiscard]] parallel_config {
 public:
  // Throws std::invalid_argument: a backend never registered, parameters
  // without a backend or with an instance, inner threads with a backend that
  // has none. A bad n_jobs, prefer, ... shows when a Parallel is constructed or
  // called, as in joblib. A constructor that throws changes nothing.
  [[nodiscard]] explicit parallel_config(ConfigOptions options);
  parallel_config(const parallel_config&) = delete;
  parallel_config& operator=(const parallel_config&) = delete;
  // On the constructing thread.
  ~parallel_config();

  // Ends the scope now; again: puts back the same once more, as in joblib. On
  // the constructing thread: any other gets std::logic_error.
  void unregister();

 private:
  void PutBack();

  internal::ConfigRef former_;
  const void* thread_;  // Tells threads apart.
  bool active_ = true;
};

// Of parallel_backend.
struct ParallelBackendOptions {
  NJobs n_jobs = -1;                                      // All CPUs.
  Setting<internal::Integer> inner_max_num_threads = {};  // In one worker.
  BackendParamsSetting backend_params = {};               // Of the backend.
};

// The older spelling, with a backend always and all CPUs by default.
class [[nodiscard]] parallel_backend {
 public:
  // Throws as parallel_config does.
  [[nodiscard]] explicit parallel_backend(
      Setting<internal::BackendChoice> backend,
      ParallelBackendOptions options = {});

  // See parallel_config.
  void unregister() { config_.unregister(); }

 private:
  parallel_config config_;
};

}  // namespace joblib

#endif  // JOBLIB_PARALLEL_CONFIG_H_
