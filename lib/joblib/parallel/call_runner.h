// CallRunner: what runs the tasks of a call that has several workers, as Call
// sees it: the dispatcher.
//
// Without threads no backend of the library's has several workers. There a
// program gets a runner only if it brings a backend of its own, so that the
// linker leaves out a third of a page's module (runner_on_demand.cc instead of
// runner_always.cc).
//
// Thread-safety: Start, Wait, Next and Close on the calling thread.
#ifndef JOBLIB_PARALLEL_CALL_RUNNER_H_
#define JOBLIB_PARALLEL_CALL_RUNNER_H_

#include <cstdint>
#include <exception>
#include <memory>

#include "joblib/parallel/backend_choice.h"
#include "joblib/parallel/call_plan.h"
#include "joblib/parallel/task_source.h"

namespace joblib::internal {

class CallRunner {
 public:
  virtual ~CallRunner() = default;

  // Reads and submits the first window.
  virtual void Start() = 0;

  // Until every task has ended and none of the call is alive on another thread
  // (but for the tasks that a timeout leaves behind). Throws the call's error.
  virtual void Wait() = 0;
  // For ReturnAs::kOutcomes: never throws for a task.
  struct Outcomes {
    std::exception_ptr missing;  // The error of the tasks that did not end.
    std::int64_t read = 0;       // Tasks read from the input.
    bool memory_in_use = false;  // By tasks that a timeout left behind.
  };
  virtual Outcomes WaitForOutcomes() = 0;

  // The results that are ready: [begin, end) of `block`, which stay there until
  // the next call. False at the end. Throws the call's error.
  struct Results {
    TaskBlock* block;
    std::uint32_t begin, end;
  };
  virtual bool Next(Results* results) = 0;
  // Ends a stream, whether it is at its end or not; warns as joblib does of
  // what was not used. Never throws.
  virtual void Close() = 0;
};

struct RunnerFunctions {
  // What is planned for several workers alone; throws std::invalid_argument.
  void (*complete)(const Resolved& resolved, CallPlan& plan);
  std::shared_ptr<CallRunner> (*make)(CallPlan plan,
                                      std::shared_ptr<TaskSource> source);
};
// Requires a backend with several workers.
const RunnerFunctions& Runners();

// The dispatcher's.
extern const RunnerFunctions kDispatcherFunctions;

}  // namespace joblib::internal

#endif  // JOBLIB_PARALLEL_CALL_RUNNER_H_
