// The exceptions of the library, beside the standard ones it throws.
//
// A wrong value (Python's ValueError) is std::invalid_argument with joblib's
// text; using a Parallel object twice at once is std::runtime_error.
#ifndef JOBLIB_CORE_ERRORS_H_
#define JOBLIB_CORE_ERRORS_H_

#include <cstdint>
#include <stdexcept>
#include <string>

namespace joblib {

// The pool of worker processes can't go on.
class BrokenProcessPool : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

namespace internal {
// joblib's text for a task whose arguments can't be rebuilt, and why.
inline std::string UnserializeText(const std::string& why) {
  return "A task has failed to un-serialize. Please ensure that the arguments "
         "of the function are all picklable. (" +
         why + ")";
}
}  // namespace internal

// A worker process died while it ran a task.
class TerminatedWorkerError : public BrokenProcessPool {
 public:
  // As the library throws it.
  explicit TerminatedWorkerError(const std::string& message,
                                 std::int64_t task_index = -1, int signal = 0,
                                 int exit_code = 0, std::int64_t completed = 0)
      : BrokenProcessPool(message),
        task_index_(task_index),
        signal_(signal),
        exit_code_(exit_code),
        completed_(completed) {}
  std::int64_t task_index() const { return task_index_; }  // -1: no task ran.
  int signal() const { return signal_; }                   // 0: none.
  int exit_code() const { return exit_code_; }             // 0 with a signal.
  // Tasks of the call that had finished.
  std::int64_t completed() const { return completed_; }

 private:
  std::int64_t task_index_;
  int signal_;
  int exit_code_;
  std::int64_t completed_;
};

// A task, an argument or a result can't travel to another process.
class PicklingError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// The `timeout` of a call or the `task_timeout` of a task is over.
class TimeoutError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// The call was stopped: by its stop token, or because the task that made it
// belongs to a call that was aborted.
class CancelledError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// An exception of a type that the caller's process could not rebuild.
class RemoteError : public std::runtime_error {
 public:
  // As the library throws it.
  RemoteError(std::string type_name, const std::string& message,
              std::int64_t task_index = -1)
      : std::runtime_error(message),
        type_name_(std::move(type_name)),
        task_index_(task_index) {}
  // Of the exception there, as C++ spells it.
  const std::string& type_name() const { return type_name_; }
  std::int64_t task_index() const { return task_index_; }  // -1: unknown.

 private:
  std::string type_name_;
  std::int64_t task_index_;
};

// Mixed into exceptions that come from another process, beside their own type.
// No base class: two std::exception bases would make
// `catch (const std::exception&)` ambiguous.
class TaskFailure {
 public:
  // As the library makes it.
  TaskFailure(std::int64_t task_index, int worker_pid, int attempt)
      : task_index_(task_index), worker_pid_(worker_pid), attempt_(attempt) {}
  // Where the task stands in the call's input, from 0 on.
  std::int64_t task_index() const { return task_index_; }
  int worker_pid() const { return worker_pid_; }  // There, on a cluster.
  int attempt() const { return attempt_; }        // 1 the first time.

 private:
  std::int64_t task_index_;
  int worker_pid_;
  int attempt_;
};

}  // namespace joblib

#endif  // JOBLIB_CORE_ERRORS_H_
