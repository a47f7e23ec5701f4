// CallReporter: what a call tells while it runs: the lines of `verbose` and the
// events of `progress`.
//
// Thread-safety: none; on the calling thread only.
#ifndef JOBLIB_PARALLEL_CALL_REPORTER_H_
#define JOBLIB_PARALLEL_CALL_REPORTER_H_

#include <chrono>
#include <cstdint>
#include <string>

#include "joblib/core/verbosity.h"
#include "joblib/parallel/progress.h"

namespace joblib::internal {

// Writes "[Parallel(n_jobs=2)]: text" to the stream of that verbosity.
void PrintLine(int verbose, int requested_n_jobs, const std::string& text);

class CallReporter {
 public:
  CallReporter(int verbose, int requested_n_jobs, std::int64_t n_tasks,
               ProgressCallback progress);

  bool verbose() const { return verbose_ > 0; }
  bool has_progress() const { return progress_ != nullptr; }
  void DropCallback() { progress_ = nullptr; }
  double Elapsed() const;  // Seconds since the call began.

  void Print(const std::string& text) const;
  // The line that is due, if any. Fills in what the reporter knows.
  void Line(ProgressState state) const;
  // One event for each task up to `done`.
  void Progress(std::int64_t done);

 private:
  const int verbose_;
  const int requested_n_jobs_;
  const std::int64_t n_tasks_;
  ProgressCallback progress_;
  const std::chrono::steady_clock::time_point start_;
  std::int64_t reported_ = 0;
};

}  // namespace joblib::internal

#endif  // JOBLIB_PARALLEL_CALL_REPORTER_H_
