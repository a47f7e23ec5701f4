// Call: one call of a Parallel object, from its start to its end, without its
// types. What joblib/parallel.h's templates stand on.
//
// ParallelState: what a Parallel object is, shared with the generators that it
// made, which may outlive it.
//
// Thread-safety: a Call belongs to the calling thread (a generator's to whoever
// reads it). One call at a time for each ParallelState: another one throws
// std::runtime_error, from any thread.
#ifndef JOBLIB_PARALLEL_CALL_H_
#define JOBLIB_PARALLEL_CALL_H_

#include <cstdint>
#include <exception>
#include <memory>
#include <utility>
#include <vector>

#include "joblib/core/thread_state.h"
#include "joblib/parallel/task_source.h"
#include "joblib/parallel_options.h"

namespace joblib::internal {

class ParallelState;
struct SequentialWatch;

enum class ReturnAs { kList, kOutcomes, kGenerator, kGeneratorUnordered };

std::shared_ptr<ParallelState> NewParallelState(const ParallelOptions& options);
void BeginSession(ParallelState& state);
void EndSession(ParallelState& state) noexcept;

class Call {
 public:
  // Starts the backend. n_tasks: -1 if the input does not tell.
  Call(std::shared_ptr<ParallelState> state, ReturnAs return_as,
       std::int64_t n_tasks);
  Call(Call&&) noexcept;
  Call& operator=(Call&&) = delete;
  // Ends what is still going on; never throws.
  ~Call();

  // Whether this is a plain loop on the calling thread: SequentialLoop. Else
  // one of Run, RunForOutcomes and Start follows.
  bool sequential() const;

  // Runs everything. Throws the call's error.
  void Run(std::shared_ptr<TaskSource> source);
  // The same where errors are values; the error of the `missing` tasks, which
  // did not end, is null if there are none. `read`: tasks read from the input.
  struct Missing {
    std::exception_ptr error;
    std::int64_t read = 0;
    bool memory_in_use = false;  // By tasks that a timeout left behind.
  };
  Missing RunForOutcomes(std::shared_ptr<TaskSource> source);
  // For generators: starts, then Next gives results until it is false.
  void Start(std::shared_ptr<TaskSource> source);
  bool Next(TaskBlock** block, std::uint32_t* begin, std::uint32_t* end);

  // The end of a call that came to its end by itself. Throws what the backend
  // throws at its end.
  void End();

 private:
  friend class SequentialLoop;
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

// The tasks of a sequential call, one after the other on the calling thread.
//
//   SequentialLoop loop(call);
//   for (...) { TaskScope scope(loop); run the task; loop.EndTask(); }
//   loop.Finish();
//
// Where nobody watches, all that is left of it is to look after the scopes that
// a task may leave open:
//
//   const ConfigScope scope(loop);
//   for (...) { run the task; loop.KeepConfig(); }
class SequentialLoop {
 public:
  explicit SequentialLoop(Call& call);
  SequentialLoop(const SequentialLoop&) = delete;
  ~SequentialLoop();

  // Whether somebody may stop it, is told of its tasks, or reads them ahead.
  bool watched() const { return watch_ != nullptr || batch_size_ > 1; }
  void KeepConfig() {
    if (thread_->config != config_) [[unlikely]] {
      Restore();
    }
  }
  class ConfigScope {
   public:
    explicit ConfigScope(SequentialLoop& loop) : loop_(loop) {}
    ConfigScope(const ConfigScope&) = delete;
    ~ConfigScope() { loop_.KeepConfig(); }

   private:
    SequentialLoop& loop_;
  };

  // How many calls to read ahead: joblib reads whole batches.
  std::int64_t batch_size() const { return batch_size_; }
  // Before a task is read: throws CancelledError once the call is stopped.
  void CheckStop() {
    if (watch_ != nullptr) CheckStopSlowly();
  }
  // While it lives this thread runs a task, unless EndTask or FailTask was
  // called: a task that throws is out of it, too.
  class TaskScope {
   public:
    explicit TaskScope(SequentialLoop& loop) : loop_(loop) {
      loop.thread_->task = &loop.context_;
      if (loop.watch_ != nullptr) loop.BeginSlowly();
    }
    TaskScope(const TaskScope&) = delete;
    ~TaskScope() {
      loop_.thread_->task = loop_.outer_;
      loop_.KeepConfig();
    }

   private:
    SequentialLoop& loop_;
  };
  // Returns the error of a task whose time is over, if errors are values, or
  // throws it; else null.
  std::exception_ptr EndTask() {
    thread_->task = outer_;
    KeepConfig();
    return watch_ != nullptr ? EndSlowly() : nullptr;
  }
  // The task threw (where errors are values): as EndTask.
  void FailTask() {
    thread_->task = outer_;
    KeepConfig();
    if (watch_ != nullptr) FailSlowly();
  }
  // The input is at its end, all tasks have run.
  void Finish();
  // For a generator, before each step but the first: the reader may have come
  // to another thread, task or scope since.
  void Rebind();

 private:
  void CheckStopSlowly();
  void BeginSlowly();
  std::exception_ptr EndSlowly();
  void FailSlowly();
  void Restore();

  ThreadState* thread_;
  const Config* config_;
  const TaskContext* outer_;
  TaskContext context_;
  std::int64_t batch_size_;
  std::unique_ptr<SequentialWatch> watch_;  // Null: nobody watches.
  ConfigRef held_;
};

}  // namespace joblib::internal

#endif  // JOBLIB_PARALLEL_CALL_H_
