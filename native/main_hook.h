// The program as its own worker: linking the library is all that it takes.
//
// A weak __libc_start_main hands the real one a main of ours, which is the
// worker's loop where the process was started as a worker, else the program's
// main. All static constructors have run by then.
//
//   native::SetWorkerMain(&RunWorker);            // By a static initializer.
//   if (!native::HookActive()) ...                // Never start a worker then:
//                                                 // it would be main() again.
//
// Thread-safety: all functions.
#ifndef JOBLIB_NATIVE_MAIN_HOOK_H_
#define JOBLIB_NATIVE_MAIN_HOOK_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace joblib::native {

// What a worker inherits. The numbers are those of open descriptors, which are
// close-on-exec in the worker again.
struct WorkerStart {
  int channel = -1;         // Its shared memory.
  int socket = -1;          // Its end of the socketpair.
  int bells = -1;           // The page of bells; -1: a stranger's worker.
  int descriptors = -1;     // A stranger's: the socket that brings those.
  std::uint64_t nonce = 0;  // Stands in the channel, too.
};

// Whether this process was started as a worker; known from the first static
// constructor on. In a worker of another copy of the library, which passes it
// on, this is true as well.
bool IsWorker();

// Whether main() has begun: false while static constructors run. (In a program
// whose start did not go through the hook: true always.)
bool MainHasBegun();

// Whether the program's start went through our hook: a worker started from it
// runs the worker's main.
bool HookActive();

// The function that a worker runs in place of main(). Must not return.
using WorkerMain = void (*)(const WorkerStart& start);
void SetWorkerMain(WorkerMain worker_main);

// A worker's whole environment: `environment` and the marker. Where the hook
// was not reached but our code lies in a shared object, that is preloaded (a
// sanitizer's runtime before it); the worker's LD_PRELOAD is restored, and the
// marker removed, before the program's constructors.
// Errors: FAILED_PRECONDITION, with what to do, where no worker of this program
// can be one (static without the flag, AT_SECURE).
absl::StatusOr<std::vector<std::string>> WorkerEnvironment(
    const WorkerStart& start, const std::vector<std::string>& environment);

// For another program, maybe on another machine, that starts this one's file as
// a worker: what has to stand in its environment, once the three words below
// are replaced by the numbers of the descriptors that it gives it. Such a
// worker does not die with the thread that started it: it has to watch its
// socket. Errors: FAILED_PRECONDITION, with what to do: the start of this
// program does not go through the hook.
inline constexpr char kChannelWord[] = "CHANNEL";
inline constexpr char kSocketWord[] = "SOCKET";
inline constexpr char kDescriptorsWord[] = "DESCRIPTORS";
absl::StatusOr<std::string> StrangersMarker();

}  // namespace joblib::native

#endif  // JOBLIB_NATIVE_MAIN_HOOK_H_
