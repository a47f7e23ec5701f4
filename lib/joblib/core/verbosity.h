// What the `verbose` option prints, and when: joblib's lines without the
// stream.
//
//   if (std::optional<std::string> line = ProgressLine(state)) {
//     Write(WritesToStdout(verbose), MessagePrefix(n_jobs) + *line + "\n");
//   }

#ifndef JOBLIB_CORE_VERBOSITY_H_
#define JOBLIB_CORE_VERBOSITY_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace joblib::internal {

// Whether the progress line after `dispatched_batches` batches is left out
// while input remains: the lines get rarer the longer a call runs.
bool SkipsLine(std::int64_t dispatched_batches, int verbose);

// "   1.0s", or " 1.5min" above 60 seconds.
std::string ShortFormatTime(double seconds);

// Where a call stands when a batch of it has completed.
struct ProgressState {
  int verbose = 0;
  std::optional<std::int64_t> n_tasks = {};  // Unset: the input has no length.
  std::int64_t completed = 0;                // Tasks.
  std::int64_t dispatched_batches = 0;
  std::int64_t dispatched_tasks = 0;
  bool input_exhausted = false;  // Also for pre_dispatch "all", from the start.
  std::int64_t pre_dispatch_amount = 0;  // At least 0; "all" counts as 0.
  bool is_completed = false;  // Nothing left to read or run, and no abort.
  double elapsed = 0;         // Seconds.
};

// The line due in `state`, or none: joblib's Parallel.print_progress.
std::optional<std::string> ProgressLine(const ProgressState& state);

// The line at the start of a call that is not sequential; `backend` is the name
// of its class in joblib, such as LokyBackend.
std::string UsingBackendLine(std::string_view backend, std::int64_t n_workers);

// What stands before each line: "[Parallel(n_jobs=2)]: ", with the number of
// jobs that was asked for, -1 included.
std::string MessagePrefix(std::int64_t requested_n_jobs);

// Lines go to stderr below verbose 50, to stdout from there on.
bool WritesToStdout(int verbose);

}  // namespace joblib::internal

#endif  // JOBLIB_CORE_VERBOSITY_H_
