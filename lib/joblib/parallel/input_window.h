// InputWindow: how far ahead of the results a call reads, and in what batches.
//
// The arithmetic of pre_dispatch and of automatic batch sizes, without locks,
// threads or tasks: the dispatcher asks, reads and reports.
//
// Thread-safety: none; the dispatcher's lock guards it.
#ifndef JOBLIB_PARALLEL_INPUT_WINDOW_H_
#define JOBLIB_PARALLEL_INPUT_WINDOW_H_

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "absl/container/inlined_vector.h"
#include "joblib/core/auto_batch.h"
#include "joblib/core/slicing.h"

namespace joblib::internal {

// Batches as threads want them: long enough that a batch costs nothing beside
// its tasks, short enough that no thread waits long for another's.
class ThreadBatchSizer {
 public:
  std::uint32_t size() const { return size_; }
  void Record(std::uint32_t n_tasks, double seconds);

 private:
  std::uint32_t size_ = 1;
};

class InputWindow {
 public:
  enum class Sizes { kFixed, kThreads, kProcesses };
  struct Options {
    Sizes sizes = Sizes::kFixed;
    std::uint32_t batch_size = 1;                      // For kFixed.
    double max_batch_seconds = kMaxIdealBatchSeconds;  // For kProcesses.
    std::uint32_t max_read = 65536;
    int n_jobs = 2;
    std::optional<std::int64_t> pre_dispatch;  // Unset: "all".
    // Generators: never more than pre_dispatch tasks dispatched and not taken.
    bool strict = false;
    std::int64_t n_tasks = -1;
    bool caller_helps = false;  // Is one of the n_jobs workers.
  };
  explicit InputWindow(const Options& options);

  // What the dispatcher may dispatch now, in tasks; 0: nothing, for now.
  // A batch that is ready already must not be larger (the first one may).
  std::int64_t Room() const;
  // How many tasks to read next; 0: none. Requires Room() > 0.
  std::uint32_t NextRead();
  // The sizes of the batches to make of the `got` tasks of that read.
  using BatchSizes = absl::InlinedVector<std::uint32_t, 4>;
  BatchSizes Cut(std::uint32_t got) const;

  void Dispatched(std::uint32_t n_tasks);
  // A batch came back: `seconds` in its tasks, `since_dispatch` in all. The
  // tail of another batch asks for no further batch.
  void Completed(std::uint32_t n_tasks, double seconds, double since_dispatch,
                 bool asks_for_more);
  void Taken(std::int64_t n_tasks);  // Strict: by the reader of the results.
  // The calling thread has dispatched the first window.
  void EndStart() { starting_ = false; }
  bool starting() const { return starting_; }
  // Which of the durations that Completed() is told matter.
  bool weighs_seconds() const { return options_.sizes == Sizes::kThreads; }
  bool weighs_since_dispatch() const {
    return options_.sizes == Sizes::kProcesses;
  }

  // Why the automatic size has changed, once; else "".
  std::string TakeMessage() { return std::exchange(message_, {}); }

 private:
  std::uint32_t NextThreadRead() const;

  const Options options_;
  ThreadBatchSizer thread_sizer_;
  AutoBatch auto_batch_;
  Slicer slicer_;
  std::string message_;
  bool starting_ = true;
  std::int64_t start_left_;      // Tasks of the first window.
  std::int64_t owed_ = 0;        // Batches that completed ones make room for.
  std::int64_t dispatched_ = 0;  // Tasks.
  std::int64_t taken_ = 0;
  std::uint32_t batch_size_ = 1;  // Of the last read, to cut it by.
};

}  // namespace joblib::internal

#endif  // JOBLIB_PARALLEL_INPUT_WINDOW_H_
