// Dispatcher: one call of Parallel on a backend with several workers. Reads the
// input under the pre-dispatch window, hands batches to the backend, counts
// what comes back, and ends the call. Knows neither the tasks' type
// (typed_source.h) nor how the backend runs them.
//
//   caller: Start -> read, submit ... until the window is full
//           Wait -> take part | sleep -> progress, verbose -> done | rethrow
//   worker: RunBatch -> claim, run, claim ... -> count -> read and submit the
//           next one
//
// One thread reads at a time, under a flag and not under the lock: whoever
// finishes a batch meanwhile leaves a wish and goes on working.
//
// Thread-safety: as BatchReceiver and CallRunner.
#ifndef JOBLIB_PARALLEL_DISPATCHER_H_
#define JOBLIB_PARALLEL_DISPATCHER_H_

#include <atomic>
#include <chrono>
#include <cstdint>
#include <exception>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/inlined_vector.h"
#include "absl/synchronization/mutex.h"
#include "joblib/core/batch_state.h"
#include "joblib/core/call_control.h"
#include "joblib/parallel/call_plan.h"
#include "joblib/parallel/call_reporter.h"
#include "joblib/parallel/call_runner.h"
#include "joblib/parallel/input_window.h"
#include "joblib/parallel/task_source.h"
#include "joblib/parallel/trace_file.h"
#include "native/parker.h"

namespace joblib::internal {

class Dispatcher final : public BatchReceiver, public CallRunner {
 public:
  Dispatcher(CallPlan plan, std::shared_ptr<TaskSource> source);
  ~Dispatcher() override;

  // CallRunner:
  void Start() override;
  void Wait() override;
  Outcomes WaitForOutcomes() override;
  bool Next(Results* results) override;
  void Close() override;

  // BatchReceiver:
  std::size_t BatchSize(const BatchState& batch) override;
  void RunBatch(BatchState& batch, int worker_index) override;
  void FailBatch(BatchState& batch, std::exception_ptr error) override;
  void DropBatch(BatchState& batch) override;
  Batch StealTail() override;
  bool BeginShipped(BatchState& batch) override;
  int ShippedIndex(BatchState& batch) override;
  bool BeginReply(BatchState& batch) override;
  bool errors_are_values() const override {
    return plan_.return_as == ReturnAs::kOutcomes;
  }
  bool ShippedTaskFailed(BatchState& batch, std::uint32_t index,
                         std::exception_ptr error) override;
  void TraceShipped(const BatchState& batch, std::uint32_t index,
                    const ShippedTask& task) override;
  void TellReader() override;
  Batch SplitBatch(BatchState& batch, std::uint32_t from) override;
  void FinishShipped(Batch batch, std::uint32_t done) override;

 private:
  using Clock = std::chrono::steady_clock;

  // Most calls have few batches: without memory of their own for them.
  template <class T>
  using Few = absl::InlinedVector<T, 4>;

  // What the dispatcher keeps of a batch beside BatchState.
  struct Tracked : BatchState {
    Clock::time_point dispatched, started;  // Where window_ weighs them.
    Clock::time_point task_started;         // Watched tasks only.
    bool late = false;                      // Its task's time is over.
    bool warned_late = false;
    bool in_flight = false;  // With the backend.
    bool is_timed = false;
    bool asymmetric = false;  // See BatchState::Claim.
    // From this task on its results are nobody's: the call has ended.
    std::optional<std::uint32_t> abandoned_from;
    std::optional<int> shipped_index;
    TaskContext task;
  };

  // dispatcher.cc: the input.
  void ListenForStops() ABSL_LOCKS_EXCLUDED(mu_);
  // `on_caller`: this is the calling thread, which also tells what has ended.
  void Dispatch(bool on_caller) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  bool ReadAhead() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void SubmitNext() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  // dispatcher_reports.cc: what the calling thread tells and watches.
  // Draws up the line for the first of uncounted_; false if there is none. As
  // in joblib a completion counts once the one before it has dispatched, and
  // the first one once the first window has: so the lines do not depend on how
  // completions meet.
  bool CountNext() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Report() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // When the next one is over.
  std::optional<Clock::time_point> CheckDeadlines()
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void WriteTrace() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  // dispatcher_end.cc: the wait for the end, and an early one.
  bool Complete() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  bool Over() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void UpdateOver() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void WaitUntilOver() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Sleeps without the lock until NotifyCaller or `deadline`.
  void Sleep(std::optional<Clock::time_point> deadline)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void NotifyCaller() {
    if (caller_drives_) {
      backend_call_->WakeHelper();
    } else {
      caller_.Unpark();
    }
  }
  // Where the system gave no thread at all: takes part until something ended.
  void HelpOnce() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  bool HasNoWorker() const;
  void Abort(std::exception_ptr reason) ABSL_LOCKS_EXCLUDED(mu_);
  void AbortLocked(std::exception_ptr reason)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // After an abort: until nothing of the call runs.
  void Drain() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void AbandonRunning() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Frees what the call held on the calling thread, and the workers.
  void LetGo() ABSL_LOCKS_EXCLUDED(mu_);

  // dispatcher_batches.cc: a batch's life.
  Tracked* NewBatch(TaskBlock* block, std::uint32_t begin, std::uint32_t end)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Finish(Tracked& batch, std::exception_ptr error)
      ABSL_LOCKS_EXCLUDED(mu_);
  void Release(Tracked& batch) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  bool ClaimUnderLock(BatchState& batch, std::uint32_t* index) override;
  bool FailUnderLock(BatchState& batch, std::uint32_t index,
                     std::exception_ptr error) override;
  void TaskEnded(Tracked& batch, std::uint32_t index)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void TaskStarts(Tracked& batch) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Its tasks from `from` on, as a batch of their own.
  Tracked* CutTail(Tracked& batch, std::uint32_t from)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  std::uint32_t Unclaimed(const Tracked& batch) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // The running batch with most of it to take, null if none has any.
  Tracked* MostUnclaimed() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // What BatchState::limit_ is for a batch that ends at `end`: 0 where each
  // claim has to come to ClaimUnderLock.
  std::uint32_t Limit(std::uint32_t end) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  int TakeIndex() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  static Tracked& Of(BatchState& batch) { return static_cast<Tracked&>(batch); }

  // dispatcher_stream.cc: results one by one; dispatcher_shipped.cc: batches
  // whose tasks run in other processes.
  bool FindResults(Results* results) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  std::uint32_t Ready(const Tracked& batch) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void GiveBackCurrent() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void AskForResults() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void DropResults() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  CallPlan plan_;      // Constant but for the backend, which LetGo lets go.
  const bool stream_;  // Results are taken one by one.
  const bool caller_reads_;  // Nobody else may read the input.
  const bool caller_helps_;
  const bool each_task_;        // Start and end of each task are of interest.
  const bool asymmetric_;       // As above, if a batch is worth it.
  bool caller_drives_ = false;  // From Start on: see BackendCall.
  const TaskContext* const caller_task_;
  native::Parker caller_;
  std::shared_ptr<void> parent_stop_, user_stop_;  // Callback handles.

 public:
  CallControl control;  // What the tasks ask.

 private:
  absl::Mutex mu_;
  std::shared_ptr<TaskSource> source_;  // Read and closed without the lock.
  InputWindow window_ ABSL_GUARDED_BY(mu_);
  CallReporter reporter_;  // The calling thread's.
  TraceFile* trace_file_ = nullptr;
  std::vector<TraceEvent> trace_ ABSL_GUARDED_BY(mu_);

  // The input.
  bool reading_ ABSL_GUARDED_BY(mu_) = false;
  // The batch that submit() has, and the thread that is in it.
  const BatchState* submitting_ ABSL_GUARDED_BY(mu_) = nullptr;
  const ThreadState* submitter_ ABSL_GUARDED_BY(mu_) = nullptr;
  bool submitted_ ABSL_GUARDED_BY(mu_) = false;  // Since the last read.
  bool dropped_in_submit_ ABSL_GUARDED_BY(mu_) = false;
  bool exhausted_ ABSL_GUARDED_BY(mu_) = false;
  // Read, not dispatched, the next one last: never more than one read's worth.
  Few<Tracked*> ready_ ABSL_GUARDED_BY(mu_);
  Few<std::unique_ptr<TaskBlock>> free_blocks_ ABSL_GUARDED_BY(mu_);
  Few<std::unique_ptr<Tracked>> batches_ ABSL_GUARDED_BY(mu_);
  Few<Tracked*> free_batches_ ABSL_GUARDED_BY(mu_);

  // Counts, in tasks unless said.
  std::int64_t read_ ABSL_GUARDED_BY(mu_) = 0;
  std::int64_t dispatched_ ABSL_GUARDED_BY(mu_) = 0;
  std::int64_t dispatched_batches_ ABSL_GUARDED_BY(mu_) = 0;
  std::int64_t in_flight_ ABSL_GUARDED_BY(mu_) = 0;
  std::int64_t completed_ ABSL_GUARDED_BY(mu_) = 0;
  Few<Tracked*> running_ ABSL_GUARDED_BY(mu_);
  Few<bool> index_taken_ ABSL_GUARDED_BY(mu_);
  std::set<std::int64_t> open_ ABSL_GUARDED_BY(mu_);  // With a timeout.
  std::int64_t watched_task_ ABSL_GUARDED_BY(mu_) = -1;
  Clock::time_point watched_since_ ABSL_GUARDED_BY(mu_);
  struct Line {
    std::string text;  // If empty: the line due in `state`, if any.
    ProgressState state;
  };
  std::vector<Line> lines_ ABSL_GUARDED_BY(mu_);
  struct Completion {
    std::int64_t completed;  // Tasks, with its own.
    double elapsed;
  };
  std::list<Completion> uncounted_ ABSL_GUARDED_BY(mu_);  // With verbose.
  bool counted_any_ ABSL_GUARDED_BY(mu_) = false;

  // The end.
  bool aborted_ ABSL_GUARDED_BY(mu_) = false;
  // error_ comes from the input or the progress callback, not from a task.
  bool callers_fault_ ABSL_GUARDED_BY(mu_) = false;
  bool timed_out_ ABSL_GUARDED_BY(mu_) = false;
  bool abandoned_ ABSL_GUARDED_BY(mu_) = false;
  bool backend_aborted_ ABSL_GUARDED_BY(mu_) = false;
  std::exception_ptr error_ ABSL_GUARDED_BY(mu_);
  // Exceptions die on the calling thread, those after the first too.
  std::vector<std::exception_ptr> late_errors_ ABSL_GUARDED_BY(mu_);
  std::atomic<bool> over_{false};         // For a helping caller.
  std::atomic<bool> batch_ended_{false};  // The same, in HelpOnce.

  // A stream's results.
  std::map<std::int64_t, Tracked*> by_first_ ABSL_GUARDED_BY(mu_);  // Ordered.
  std::list<Tracked*> finished_ ABSL_GUARDED_BY(mu_);  // Unordered.
  std::int64_t next_task_ ABSL_GUARDED_BY(mu_) = 0;
  Tracked* current_ ABSL_GUARDED_BY(mu_) = nullptr;
  std::uint32_t current_end_ ABSL_GUARDED_BY(mu_) = 0;
  std::int64_t consumed_ ABSL_GUARDED_BY(mu_) = 0;
  bool reader_waits_ ABSL_GUARDED_BY(mu_) = false;
  // It has waited so long that each result is told as soon as it is there.
  bool reader_is_late_ ABSL_GUARDED_BY(mu_) = false;
  bool closed_ ABSL_GUARDED_BY(mu_) = false;
};

}  // namespace joblib::internal

#endif  // JOBLIB_PARALLEL_DISPATCHER_H_
