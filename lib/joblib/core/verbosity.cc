#include "joblib/core/verbosity.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "joblib/core/number_text.h"

namespace joblib::internal {
namespace {

// Wide enough for each count up to `n_tasks`; 3 where that is not known.
std::size_t CountWidth(std::optional<std::int64_t> n_tasks) {
  if (n_tasks.value_or(0) <= 0) return 3;
  return absl::StrCat(*n_tasks).size();
}

// `text`, after spaces that make it `width` characters.
std::string PaddedTo(std::size_t width, std::string text) {
  if (text.size() < width) text.insert(0, width - text.size(), ' ');
  return text;
}

std::string Padded(std::size_t width, std::int64_t number) {
  return PaddedTo(width, absl::StrCat(number));
}

// Python's // and %, which round the quotient down.
std::int64_t FloorDivide(std::int64_t a, std::int64_t b) {
  return a / b - (a % b != 0 && (a < 0) != (b < 0) ? 1 : 0);
}

// Whether the line for `state`, all of whose tasks are dispatched, is left out.
// `total` is spread over about `verbose` lines, counted from the end of the
// first window.
bool SkipsLineAfterInput(const ProgressState& state) {
  if (state.completed == 0) return false;
  const std::int64_t total = state.dispatched_tasks;
  const std::int64_t cursor =
      total - state.completed + 1 - state.pre_dispatch_amount;
  const std::int64_t frequency = FloorDivide(total, state.verbose) + 1;
  const bool is_last_but_one = state.completed + 1 == total;
  // A negative verbose, which joblib leaves undefined, can make frequency 0.
  return is_last_but_one || (frequency != 0 && cursor % frequency != 0);
}

}  // namespace

bool SkipsLine(std::int64_t dispatched_batches, int verbose) {
  if (verbose == 0) return true;
  if (verbose > 10) return false;
  if (dispatched_batches == 0) return false;
  const double distance = 11.0 - verbose;
  const double spread = 0.5 * distance * distance;
  const auto index = static_cast<double>(dispatched_batches);
  return std::floor(std::sqrt((index + 1) / spread)) ==
         std::floor(std::sqrt(index / spread));
}

std::string ShortFormatTime(double seconds) {
  if (seconds > 60) {
    return absl::StrCat(PaddedTo(4, FixedText(seconds / 60, 1)), "min");
  }
  return absl::StrCat(" ", PaddedTo(5, FixedText(seconds, 1)), "s");
}

std::optional<std::string> ProgressLine(const ProgressState& state) {
  if (state.verbose == 0) return std::nullopt;
  const std::size_t width = CountWidth(state.n_tasks);
  const std::string done =
      absl::StrCat("Done ", Padded(width, state.completed));
  const std::string elapsed =
      absl::StrCat("| elapsed: ", ShortFormatTime(state.elapsed));

  if (state.is_completed) {
    return absl::StrCat(done, " out of ", Padded(width, state.completed), " ",
                        elapsed, " finished");
  }
  if (!state.input_exhausted) {
    if (SkipsLine(state.dispatched_batches, state.verbose)) return std::nullopt;
    if (state.n_tasks.has_value()) {
      return absl::StrCat(done, " out of ", Padded(width, *state.n_tasks), " ",
                          elapsed);
    }
    // As wide as "out of" and a count of three digits.
    return absl::StrCat(done, " tasks      ", elapsed);
  }
  if (SkipsLineAfterInput(state)) return std::nullopt;
  const double remaining =
      state.elapsed /
      static_cast<double>(std::max<std::int64_t>(state.completed, 1)) *
      static_cast<double>(state.dispatched_tasks - state.completed);
  return absl::StrCat(done, " out of ", Padded(width, state.dispatched_tasks),
                      " ", elapsed, " remaining: ", ShortFormatTime(remaining));
}

std::string UsingBackendLine(std::string_view backend, std::int64_t n_workers) {
  return absl::StrCat("Using backend ", backend, " with ", n_workers,
                      " concurrent workers.");
}

std::string MessagePrefix(std::int64_t requested_n_jobs) {
  return absl::StrCat("[Parallel(n_jobs=", requested_n_jobs, ")]: ");
}

bool WritesToStdout(int verbose) { return verbose >= 50; }

}  // namespace joblib::internal
