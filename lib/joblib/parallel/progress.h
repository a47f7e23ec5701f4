// Progress: how far a call is.
//
//   joblib::Parallel parallel({.progress = joblib::terminal_progress()});
//
// The callback runs on the calling thread, once for each finished task, `done`
// ascending by one, never after the call has returned. What it throws aborts
// the call and reaches the caller.
#ifndef JOBLIB_PARALLEL_PROGRESS_H_
#define JOBLIB_PARALLEL_PROGRESS_H_

#include <cstdint>
#include <functional>

namespace joblib {

// What the callback gets.
struct Progress {
  std::int64_t done;   // Tasks.
  std::int64_t total;  // -1: not known.
};

// Called once for each finished task.
using ProgressCallback = std::function<void(const Progress&)>;

// A bar on stderr: on a terminal one line with rate and remaining time, else a
// plain line every few seconds and at the end. A fresh one for each Parallel
// object; its calls may follow each other. The line of a call that fails or has
// no known length ends with the next call or with the Parallel object.
ProgressCallback terminal_progress();

}  // namespace joblib

#endif  // JOBLIB_PARALLEL_PROGRESS_H_
