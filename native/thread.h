// Threads as a library inside somebody's program starts them.
//
//   absl::Status started = StartThread([lease] { lease->Run(); });
//   if (absl::IsResourceExhausted(started)) ...  // Go on with those there are.
//
// Thread-safety: all functions.
#ifndef JOBLIB_NATIVE_THREAD_H_
#define JOBLIB_NATIVE_THREAD_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"

namespace joblib::native {

// Runs `body` on a new thread and returns without waiting for it. `body` is
// destroyed on that thread, after its run, or here if there is an error; it
// must not throw: that ends the program. Nobody joins the thread: what `body`
// uses has to stay alive as long as it runs, at worst beyond main().
//
// The thread is named `name` (at most 15 bytes are kept), or "joblib-N" counted
// from 1. It takes no signal meant for the program (only SIGPROF, which
// profilers send, and those that its own code causes, SIGSEGV and the like),
// has the program's default stack size, and runs on the CPUs that the process
// may use, whatever the caller's own affinity: native/affinity.h.
//
// Errors: RESOURCE_EXHAUSTED if the system refuses (RLIMIT_NPROC, a cgroup's
// pids.max, memory) or, on wasm32-threads, MaxThreads() run already;
// UNIMPLEMENTED without threads.
absl::Status StartThread(absl::AnyInvocable<void()> body,
                         const std::string& name = {});

// The threads of this process but the calling one and those of StartThread with
// a name of ours ("joblib-..."). Linux alone; 0 where /proc is not there.
int CountOtherThreads();

// How many threads of StartThread can run at once. Linux: INT_MAX, the limit is
// only known when it is hit. wasm32-threads: the Web Workers of the module's
// pool (-sPTHREAD_POOL_SIZE) that nothing used at the first question; constant
// from then on. The thread that ends gives its place back at once. 0 without
// threads.
int MaxThreads();

// Whether StartThread can ever work here: MaxThreads() > 0.
bool CanStartThreads();

// Bytes of stack left to the calling thread below the caller's frame. 0 on a
// stack that is not the thread's own (a coroutine's, a signal's): its end is
// unknown. The first call on a thread may take 50 us, later ones 2 ns.
std::size_t RemainingStack();

// Bytes of stack that a thread of StartThread has. A fresh main thread has a
// little less left than this where both come from the same RLIMIT_STACK (its
// arguments and environment lie there too): compare with some slack.
std::size_t DefaultStackSize();

// Keeps the shared object that this code lies in loaded for ever: a detached
// thread must not find its code gone after dlclose. Nothing to do where it is
// the program itself. Cheap when repeated.
void PinThisModule();

// Calls the functions around every fork() of the process from here on, as
// pthread_atfork(3): `prepare` before it, in reverse order of registration,
// `parent` and `child` after it; any may be null. Never unregistered.
// Errors: RESOURCE_EXHAUSTED. Without processes it does nothing.
absl::Status OnFork(void (*prepare)(), void (*parent)(), void (*child)());

// The system's number of the calling thread: what a debugger and `top -H` show.
// 0.2 us.
std::uint64_t ThisThreadId();

std::int64_t ProcessId();

}  // namespace joblib::native

#endif  // JOBLIB_NATIVE_THREAD_H_
