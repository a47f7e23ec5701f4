// The worker's side: claims requests from its channel, runs them, answers each.
//
//   spawned -> ready -> running(seq) -> [looking] -> asleep -> running ...
//
// Whatever a task throws is an answer; what ends the process is seen by the
// keeper in the parent.
#ifndef JOBLIB_BACKENDS_PROCESS_WORKER_LOOP_H_
#define JOBLIB_BACKENDS_PROCESS_WORKER_LOOP_H_

#include "joblib/backends/process/bells.h"
#include "joblib/backends/process/channel.h"
#include "joblib/core/config.h"
#include "native/descriptor_socket.h"
#include "native/main_hook.h"

namespace joblib::internal {

// The configuration that tasks of that nesting level see.
using TaskConfigFactory = ConfigRef (*)(int nesting_level);

// What a process started as a worker does; ends the process.
[[noreturn]] void RunWorker(const native::WorkerStart& start,
                            TaskConfigFactory task_config);

// The same for a process that was forked: on what it inherited.
[[noreturn]] void ServeChannel(Channel channel, BellPage bells,
                               native::DescriptorSocket socket,
                               TaskConfigFactory task_config);

// In a worker, how many workers it is below; 0 in a program.
int WorkerDepth();

}  // namespace joblib::internal

#endif  // JOBLIB_BACKENDS_PROCESS_WORKER_LOOP_H_
