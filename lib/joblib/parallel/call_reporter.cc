#include "joblib/parallel/call_reporter.h"

#include <cstdio>
#include <utility>

#include "absl/strings/str_cat.h"

namespace joblib::internal {

void PrintLine(int verbose, int requested_n_jobs, const std::string& text) {
  // One write for each line: lines of several calls must not mix.
  const std::string line =
      absl::StrCat(MessagePrefix(requested_n_jobs), text, "\n");
  std::FILE* const stream = WritesToStdout(verbose) ? stdout : stderr;
  std::fwrite(line.data(), 1, line.size(), stream);
  std::fflush(stream);
}

CallReporter::CallReporter(int verbose, int requested_n_jobs,
                           std::int64_t n_tasks, ProgressCallback progress)
    : verbose_(verbose),
      requested_n_jobs_(requested_n_jobs),
      n_tasks_(n_tasks),
      progress_(std::move(progress)),
      start_(verbose > 0 ? std::chrono::steady_clock::now()
                         : std::chrono::steady_clock::time_point()) {}

double CallReporter::Elapsed() const {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() -
                                       start_)
      .count();
}

void CallReporter::Print(const std::string& text) const {
  if (verbose_ > 0) PrintLine(verbose_, requested_n_jobs_, text);
}

void CallReporter::Line(ProgressState state) const {
  if (verbose_ <= 0) return;
  state.verbose = verbose_;
  if (n_tasks_ >= 0) state.n_tasks = n_tasks_;
  if (const std::optional<std::string> line = ProgressLine(state)) {
    Print(*line);
  }
}

void CallReporter::Progress(std::int64_t done) {
  if (progress_ == nullptr) return;
  while (reported_ < done) progress_({++reported_, n_tasks_});
}

}  // namespace joblib::internal
