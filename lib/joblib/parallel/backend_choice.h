// Which backend a Parallel object uses, and with which values: the scopes of
// the thread, Parallel's own options and joblib's rules for hints and
// constraints (prefer, require), decided when the object is constructed.
//
// Source: joblib.parallel._get_active_backend and Parallel.__init__.
#ifndef JOBLIB_PARALLEL_BACKEND_CHOICE_H_
#define JOBLIB_PARALLEL_BACKEND_CHOICE_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "joblib/core/backend_params.h"
#include "joblib/core/config.h"
#include "joblib/core/parallel_backend_base.h"
#include "joblib/parallel_options.h"

namespace joblib::internal {

// The backend of the active scope, or the default one, with the hints applied.
struct ActiveChoice {
  std::shared_ptr<ParallelBackendBase> backend;
  NJobs n_jobs;  // Of the scope; a backend forced by a hint makes it 1.
};
// Throws std::invalid_argument in joblib's words.
ActiveChoice ChooseActiveBackend(const Config& config,
                                 const Setting<Text>& prefer,
                                 const Setting<Text>& require, int verbose);

// A backend by name or instance, made for the nesting level of `config`. Warns
// where the system lacks it (then it is the default one).
std::shared_ptr<ParallelBackendBase> MakeBackend(const BackendChoice& choice,
                                                 const BackendParams& params,
                                                 const Config& config);

inline constexpr char kDefaultPreDispatch[] = "2 * n_jobs";

// What a Parallel object is set to.
struct Resolved {
  std::shared_ptr<ParallelBackendBase> backend;
  int n_jobs = 1;  // As requested: -1 stays -1.
  int verbose = 0;
  std::optional<double> timeout;           // Seconds.
  std::optional<std::int64_t> batch_size;  // Unset: "auto".
  IntegerOrText pre_dispatch = kDefaultPreDispatch;
  std::optional<std::string> temp_folder;
  std::optional<std::int64_t> max_nbytes;
  std::optional<std::string> mmap_mode;
  std::optional<std::string> prefer;
  std::optional<std::string> require;
  std::optional<int> inner_max_num_threads;
  BackendParams backend_params;  // Parallel's own.
  std::optional<double> task_timeout;
  std::int64_t max_retries = 0;
  ProgressCallback progress;
  std::optional<StopToken> stop_token;
  std::string trace;
  bool caller_runs = true;

  // The backend's own verbosity.
  int backend_verbose() const { return verbose > 50 ? verbose - 50 : 0; }
};
// Throws std::invalid_argument for what can't be; warns of what has no effect.
Resolved Resolve(const ParallelOptions& options, const Config& config);

}  // namespace joblib::internal

#endif  // JOBLIB_PARALLEL_BACKEND_CHOICE_H_
