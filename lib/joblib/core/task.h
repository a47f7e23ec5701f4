// What a running task can ask about itself.
//
//   while (!joblib::stop_requested()) { ... a piece of a long task ... }
//
// Thread-safety: each answers for the calling thread's task. Threads that a
// task starts itself are outside of it.
#ifndef JOBLIB_CORE_TASK_H_
#define JOBLIB_CORE_TASK_H_

#include "joblib/core/stop_token.h"

namespace joblib {

// True once the task's call is aborted (an error elsewhere, a stop, a closed
// generator, a timeout) or its own task_timeout is over. False outside a task.
bool stop_requested();

// The same as a token, to be woken by: see StopToken::on_stop. Never stops
// outside a task.
StopToken current_stop_token();

// Which of the call's n_jobs workers runs the task: 0 .. n_jobs - 1; 0 outside
// a task.
int worker_index();

}  // namespace joblib

#endif  // JOBLIB_CORE_TASK_H_
