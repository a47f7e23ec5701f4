// ThreadState: what joblib knows of the calling thread: the configuration that
// is active on it and the task it runs.
//
// Each thread sees its own only. Usable at any time, static destructors and
// threads that are ending included: it is never destroyed.
#ifndef JOBLIB_CORE_THREAD_STATE_H_
#define JOBLIB_CORE_THREAD_STATE_H_

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

#include "joblib/core/config.h"

namespace joblib::internal {

class CallControl;
class ResultMemorySource;
class StopState;

// The task that a thread runs; lives on that thread's stack.
struct TaskContext {
  CallControl* call = nullptr;  // Null: a plain loop that nobody can stop.
  // The task whose own Parallel call runs this one on the same thread (a
  // sequential call); null for a task that a pool runs.
  const TaskContext* outer = nullptr;
  // In a worker process: not 0 once the call there was aborted.
  const std::atomic<std::uint32_t>* remote_stop = nullptr;
  int worker_index = 0;
  // In a worker process: arrays with more bytes are made in memory that can be
  // handed over as a result.
  std::optional<std::uint64_t> hands_over_above;
  ResultMemorySource* result_memory = nullptr;  // Set where that is.
  // Whether this task, or one around it, runs on a pool of threads.
  bool below_threads = false;
  // With task_timeout: the stop of this very task.
  std::shared_ptr<StopState> own_stop;
  // The same in a plain loop, where nobody else could signal it.
  std::optional<std::chrono::steady_clock::time_point> deadline;
};

struct ThreadState {
  // Holds one reference; null stands for the default configuration.
  const Config* config = nullptr;
  const TaskContext* task = nullptr;
};

// The same address for a thread's whole life.
ThreadState* CurrentThread();

// The active configuration of the calling thread.
ConfigRef ActiveConfig();
// Replaces it and returns the former one.
ConfigRef SwapActiveConfig(ConfigRef config);

// Runs a piece of code under another configuration and task; puts back what was
// there, whatever the code left behind.
class ThreadStateScope {
 public:
  ThreadStateScope(ConfigRef config, const TaskContext* task);
  ThreadStateScope(const ThreadStateScope&) = delete;
  ~ThreadStateScope();

 private:
  ConfigRef former_config_;
  const TaskContext* former_task_;
};

// Runs a task under the configuration that is active already, `config`, which
// is active again afterwards: where thousands of tasks follow one another under
// the same one, cheaper than a ThreadStateScope for each.
class TaskScope {
 public:
  // `config` outlives it.
  TaskScope(const ConfigRef& config, const TaskContext* task)
      : config_(config),
        thread_(*CurrentThread()),
        former_task_(std::exchange(thread_.task, task)) {}
  TaskScope(const TaskScope&) = delete;
  ~TaskScope() {
    // The task left a scope open.
    if (thread_.config != config_.get()) [[unlikely]] {
      SwapActiveConfig(config_);
    }
    thread_.task = former_task_;
  }

 private:
  const ConfigRef& config_;
  ThreadState& thread_;
  const TaskContext* const former_task_;
};

}  // namespace joblib::internal

#endif  // JOBLIB_CORE_THREAD_STATE_H_
