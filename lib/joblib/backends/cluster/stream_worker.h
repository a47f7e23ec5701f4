// The program as a worker on a cluster: batches come on a stream from the
// engine's own worker (sidecar.py), which started it and keeps it.
#ifndef JOBLIB_BACKENDS_CLUSTER_STREAM_WORKER_H_
#define JOBLIB_BACKENDS_CLUSTER_STREAM_WORKER_H_

#include "native/main_hook.h"

namespace joblib::internal {

// What a process started as such a worker does; ends the process. The stream's
// end is the end of it, also in the middle of a task.
[[noreturn]] void RunStreamWorker(const native::WorkerStart& start);

}  // namespace joblib::internal

#endif  // JOBLIB_BACKENDS_CLUSTER_STREAM_WORKER_H_
