// A worker that is this very process, forked: it sees all memory as it was.
//
// Thread-safety: any thread; the child dies with the one that forked it
// (PR_SET_PDEATHSIG follows the thread).
#ifndef JOBLIB_NATIVE_FORK_WORKER_H_
#define JOBLIB_NATIVE_FORK_WORKER_H_

#include <cstdint>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"

namespace joblib::native {

// Runs `body`, which must not return, in a child, and returns the child's
// number. What stdio holds is flushed before: the child would print it, too.
// In the child: default dispositions and an empty mask of signals, but for
// inherited ignores of SIGHUP and SIGPIPE; stdin is /dev/null. Of the program's
// threads there is none: what they held stays held.
// Errors: RESOURCE_EXHAUSTED (EAGAIN, ENOMEM).
absl::StatusOr<std::int64_t> ForkWorker(absl::FunctionRef<void()> body);

// The file of a loaded OpenMP runtime; empty: none is. A parallel region of the
// child waits for ever once the parent has had one (GNU libgomp's threads).
std::string OpenMpRuntime();

}  // namespace joblib::native

#endif  // JOBLIB_NATIVE_FORK_WORKER_H_
