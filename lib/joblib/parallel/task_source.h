// TaskSource: the typed part of a call, as the dispatcher sees it: where tasks
// are read from and where their results go. Implemented by typed_source.h.
#ifndef JOBLIB_PARALLEL_TASK_SOURCE_H_
#define JOBLIB_PARALLEL_TASK_SOURCE_H_

#include <cstdint>
#include <memory>

#include "joblib/core/batch_state.h"

namespace joblib::internal {

class TaskSource {
 public:
  virtual ~TaskSource() = default;

  // The length of the input, -1 if it does not tell. Before the first Read.
  virtual std::int64_t n_tasks() const = 0;
  // Never more than this at a time for automatic batches.
  virtual std::uint32_t max_read() const = 0;
  // Up to n > 0 tasks; null at the end of the input. `recycled` (or null) is a
  // block of this source to be used again. *at_end: these are the last ones, as
  // far as that is known. One thread at a time. Throws what the input throws;
  // then nothing was read.
  virtual std::unique_ptr<TaskBlock> Read(std::uint32_t n,
                                          std::unique_ptr<TaskBlock> recycled,
                                          bool* at_end) = 0;
  // The tasks [begin, end) of `block` have left no result. One thread at a
  // time, and not after the results were taken.
  virtual void LeaveOut(TaskBlock& block, std::uint32_t begin,
                        std::uint32_t end) = 0;
  // Destroys the results that there are. Those that were left out may still be
  // written. On the calling thread.
  virtual void DropResults() = 0;
  // Destroys the input. On the calling thread; no Read afterwards.
  virtual void CloseInput() = 0;
};

}  // namespace joblib::internal

#endif  // JOBLIB_PARALLEL_TASK_SOURCE_H_
