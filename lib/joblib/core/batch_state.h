// BatchState: a range of a block's tasks on its way, and the protocol by which
// its runner claims tasks while other threads may take the unstarted rest.
// BatchReceiver: the call that a batch belongs to, as core sees it.
//
// The claim is Cilk's THE protocol (Frigo, Leiserson, Randall 1998): the runner
// publishes `next`, then looks at `limit`; a thief lowers `limit`, then looks
// at `next`. Between the two each needs a full fence. The runner's is left out
// where the thief can force it on all threads (membarrier(2), native/
// heavy_fence.h), so that a claim costs two plain memory accesses.
#ifndef JOBLIB_CORE_BATCH_STATE_H_
#define JOBLIB_CORE_BATCH_STATE_H_

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <utility>

#include "joblib/core/array_memory.h"
#include "joblib/core/backend_params.h"
#include "joblib/core/batch.h"
#include "joblib/core/shipped_runner.h"
#include "joblib/core/thread_state.h"

namespace joblib::internal {

class BatchState;
class ByteReader;
class ByteWriter;

// Delayed calls that were read together and the room for their results. The
// typed part is in parallel/typed_block.h.
class TaskBlock {
 public:
  virtual ~TaskBlock() = default;
  // Runs the tasks that `batch` can claim.
  virtual void Run(BatchState& batch) noexcept = 0;
  // Destroys the calls [begin, end), which never ran. Where each task's error
  // is a value, `error` is their outcome, unless it is null.
  virtual void Discard(std::uint32_t begin, std::uint32_t end,
                       const std::exception_ptr& error) noexcept = 0;
  // The results [begin, end) that were not taken go.
  virtual void DestroyResults(std::uint32_t begin,
                              std::uint32_t end) noexcept = 0;
  // Where each task's error is a value: whether task `index` has one.
  virtual bool HasError(std::uint32_t index) const noexcept = 0;
  // Where each task's error is a value: task `index` has this one instead of
  // what it returned. Else false.
  virtual bool ReplaceResult(std::uint32_t index,
                             const std::exception_ptr& error) noexcept = 0;

  // For backends that run the calls in other processes.
  // What runs one of them there. Throws PicklingError if they can't travel:
  // what they are made of is known from their type.
  virtual const ShippedRunner& Runner() const = 0;
  // Writes call `index`, which stays. Throws PicklingError, or what a user's
  // serialize function throws.
  virtual void Encode(std::uint32_t index, ByteWriter& out) const = 0;
  // In a fork()ed child, which has the call in its copy of the memory: runs it
  // and writes its result, as the runner would.
  virtual void RunEncoded(std::uint32_t index, ByteWriter& out) = 0;
  // Reads the result of task `index` into its place; the call goes. Throws
  // (DecodeError, or what a user's serialize throws): then neither happened.
  virtual void Decode(std::uint32_t index, ByteReader& result) = 0;
  // Where each task's error is a value: that of task `index`; the call goes.
  // Else false, and nothing happened.
  virtual bool SetError(std::uint32_t index,
                        const std::exception_ptr& error) noexcept = 0;

  std::int64_t first = 0;     // Index of its first task in the call.
  std::uint32_t size = 0;     // Tasks in it.
  std::uint32_t batches = 0;  // Not yet released; under the call's lock.
};

class BatchState {
 public:
  // Runner only: the index, in the block, of the task to run next. False: the
  // batch is over. What the task before this one produced is published by it.
  bool Claim(std::uint32_t* index) {
    const std::uint32_t mine = next_.load(std::memory_order_relaxed);
    if (asymmetric_) {
      next_.store(mine + 1, std::memory_order_release);
      std::atomic_signal_fence(std::memory_order_seq_cst);
    } else {
      next_.exchange(mine + 1, std::memory_order_seq_cst);
    }
    *index = mine;
    if (mine < limit_.load(asymmetric_ ? std::memory_order_relaxed
                                       : std::memory_order_seq_cst) &&
        thread_->config == config_) [[likely]] {
      return true;
    }
    return ClaimSlowly(index);
  }
  // Runner only: task `index` threw. False: the batch ends with that.
  bool Fail(std::uint32_t index, std::exception_ptr error);

  TaskBlock* block = nullptr;
  BatchReceiver* receiver = nullptr;
  // The tasks of the block that are this batch's, under the call's lock:
  // [begin, end) without what was taken from it; [begin, done) have ended.
  std::uint32_t begin = 0;
  std::uint32_t end = 0;
  std::uint32_t done = 0;
  std::uint32_t taken = 0;  // Results that a generator's reader has.
  bool running = false;
  bool failed = false;   // Task `done` threw.
  bool is_tail = false;  // Taken from another one: asks for no further.
  TaskContext* context = nullptr;  // Of the runner, while running.

 private:
  friend class BatchReceiver;
  static constexpr std::size_t kCacheLine = 64;
  bool ClaimSlowly(std::uint32_t* index);

  // Constant while it runs.
  bool asymmetric_ = false;
  ThreadState* thread_ = nullptr;
  const Config* config_ = nullptr;
  // Each on a cache line of its own. By distance: for an aligned type, memory
  // costs a multiple.
  [[maybe_unused]] char before_next_[kCacheLine];
  std::atomic<std::uint32_t> next_{0};
  [[maybe_unused]] char before_limit_[kCacheLine];
  std::atomic<std::uint32_t> limit_{0};
};

// Thread-safety: any thread.
class BatchReceiver : public std::enable_shared_from_this<BatchReceiver> {
 public:
  virtual ~BatchReceiver() = default;

  virtual std::size_t BatchSize(const BatchState& batch) = 0;
  // Runs and reports. worker_index < 0: not known to the backend.
  virtual void RunBatch(BatchState& batch, int worker_index) = 0;
  virtual void FailBatch(BatchState& batch, std::exception_ptr error) = 0;
  virtual void DropBatch(BatchState& batch) = 0;
  // The larger part of the unstarted tasks of some running batch; empty if none
  // has any.
  virtual Batch StealTail() = 0;

  // For a backend whose tasks run in other processes, instead of RunBatch: one
  // thread at a time for each batch, its tasks in their order.
  // Marks `batch` as running. False: the call was aborted; only FinishShipped
  // is left to do.
  virtual bool BeginShipped(BatchState& batch) = 0;
  // The result (or the error, where that is a value) of the batch's task
  // `index` stands in its place.
  static void ShippedTaskEnded(BatchState& batch, std::uint32_t index) {
    batch.next_.store(index + 2, std::memory_order_release);
  }
  // Task `index` failed. True: its error is a value, go on with the next one;
  // false: the call is aborted with it.
  virtual bool ShippedTaskFailed(BatchState& batch, std::uint32_t index,
                                 std::exception_ptr error) = 0;
  // For the trace.
  struct ShippedTask {
    int worker_index = 0;
    std::int64_t pid = 0;
    std::chrono::steady_clock::time_point start, end;
    bool failed = false;
  };
  virtual void TraceShipped(const BatchState& batch, std::uint32_t index,
                            const ShippedTask& task) = 0;
  // Results have arrived: a reader that waits for them is told.
  virtual void TellReader() = 0;
  // The tasks of the block from `from` on, as a batch of its own.
  virtual Batch SplitBatch(BatchState& batch, std::uint32_t from) = 0;
  // The end of a batch: its tasks up to `done` have ended.
  virtual void FinishShipped(Batch batch, std::uint32_t done) = 0;
  static BatchState& StateOf(const Batch& batch) { return *batch.state_; }
  // worker_index() of the tasks of a batch that travels as a whole: its own from
  // the first question to its report.
  virtual int ShippedIndex(BatchState& batch) = 0;
  // As BeginShipped, where all tasks have been run already.
  virtual bool BeginReply(BatchState& batch) = 0;
  // Whether a task's error is a value and the tasks behind it run.
  virtual bool errors_are_values() const = 0;

  // For the backend that was given a batch of this call.
  const std::shared_ptr<class BackendCall>& backend_call() const {
    return backend_call_;
  }
  static BatchReceiver* Of(const Batch& batch) { return batch.receiver_.get(); }
  // As Batch::run(), by the call's worker `worker_index`.
  static void Run(Batch batch, int worker_index) {
    BatchReceiver& receiver = *batch.receiver_;
    receiver.RunBatch(*batch.Report(), worker_index);
  }

 protected:
  friend class BatchState;
  // The runner's slow path: `batch` has run up to `claimed`, which it wants to
  // run next. True: it may run *index.
  virtual bool ClaimUnderLock(BatchState& batch, std::uint32_t* index) = 0;
  virtual bool FailUnderLock(BatchState& batch, std::uint32_t index,
                             std::exception_ptr error) = 0;

  Batch MakeBatch(BatchState& state) {
    return Batch(shared_from_this(), &state);
  }
  // Access for the one class that steers the claims.
  static BatchState& Reported(Batch& batch) { return *batch.Report(); }
  static std::atomic<std::uint32_t>& NextOf(BatchState& b) { return b.next_; }
  static std::atomic<std::uint32_t>& LimitOf(BatchState& b) { return b.limit_; }
  static void Bind(BatchState& b, bool asymmetric, ThreadState* thread,
                   const Config* config) {
    b.asymmetric_ = asymmetric;
    b.thread_ = thread;
    b.config_ = config;
  }

  std::shared_ptr<BackendCall> backend_call_;
};

inline bool BatchState::ClaimSlowly(std::uint32_t* index) {
  return receiver->ClaimUnderLock(*this, index);
}
inline bool BatchState::Fail(std::uint32_t index, std::exception_ptr error) {
  return receiver->FailUnderLock(*this, index, std::move(error));
}

// What a backend's road for one call has to know of it.
struct CallTraits {
  int n_jobs = 1;
  std::int64_t n_tasks = -1;  // -1: not known.
  bool caller_helps = false;
  bool is_stream = false;          // A generator's.
  bool errors_are_values = false;  // collect.
  bool is_watched = false;         // Each end of a batch is told at once.
  bool is_traced = false;
  std::optional<std::chrono::steady_clock::duration> task_timeout;
  std::int64_t max_retries = 0;
  ArrayMapping arrays;
  int verbose = 0;  // The backend's own.
  // Parallel's own parameters, those of its scope not included.
  const BackendParams* params = nullptr;
};

// What a built-in backend keeps for one call: it goes there without a look at
// other calls. A backend without one gets its batches by submit() alone.
//
// Thread-safety: any thread; Help on the calling thread only.
class BackendCall {
 public:
  virtual ~BackendCall() = default;
  // Whether its workers are threads of this process, so that any backend of
  // threads may hand its batches on to it.
  virtual bool has_threads() const { return false; }
  // Whether the tasks run in other processes: an abort ends them.
  virtual bool runs_elsewhere() const { return false; }
  // Whether it is the calling thread that moves its tasks and results on: then
  // that one waits in Drive alone, woken by WakeHelper.
  virtual bool caller_drives() const { return false; }
  // Does what there is to do, or sleeps until there is, at most to `deadline`.
  virtual void Drive(
      std::optional<std::chrono::steady_clock::time_point> deadline) {
    (void)deadline;
  }
  virtual void Submit(Batch batch) = 0;
  // A running batch has tasks that an idle worker could take.
  virtual void OfferTail() = 0;
  // By the worker of a batch: none of its tasks runs here any more.
  virtual void BatchEnded() = 0;
  // The submitting thread goes to read the input, which may take for ever, even
  // wait for a task: what was left to that thread needs another worker.
  virtual void CallForQueued() = 0;
  // Starts nothing more and drops what is queued; running tasks go on.
  virtual void Abort() = 0;
  // Lets the calling thread take part until `over`; see WakeHelper.
  virtual void Help(const std::atomic<bool>& over) = 0;
  // After `over` became true.
  virtual void WakeHelper() = 0;
  // How many workers the call has, at least as far as is known now.
  virtual int workers() const = 0;
  // The call is over: its workers go back. Once.
  virtual void Close() = 0;
};

}  // namespace joblib::internal

#endif  // JOBLIB_CORE_BATCH_STATE_H_
