// What a process does to itself because it is a worker.
#ifndef JOBLIB_NATIVE_WORKER_PROCESS_H_
#define JOBLIB_NATIVE_WORKER_PROCESS_H_

#include <atomic>
#include <cstdint>

namespace joblib::native {

// In a worker's environment, from its program: what setlocale() is to set.
inline constexpr char kWorkerLocale[] = "JOBLIB_WORKER_LOCALE";
// Sets it, and removes the variable. Before there is another thread.
void TakeWorkerLocale();

// SIGINT and SIGQUIT, which a terminal sends to workers as well, are left to
// the program: an empty handler, because programs that tasks start would
// inherit SIG_IGN.
void IgnoreTerminalSignals();

// From here on a signal that ends this process because of its own code
// (SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT) leaves where it came from in
// text[0 .. *used): a line for each function, the innermost first, as many as
// `size` bytes hold; by name where the program has symbols, else by address.
// Then it ends the process as it would have. On a stack of its own: a stack
// overflow is one of them. Replaces a sanitizer's handlers.
void RecordCrashes(std::atomic<std::uint32_t>* used, char* text,
                   std::uint32_t size);

// Says on stderr that this process waits, and does so until some debugger has
// attached to it.
void WaitForDebugger();

// Ends the process: stdio flushed, coverage data written, no destructor and no
// atexit handler run.
[[noreturn]] void LeaveWorker(int exit_code);

}  // namespace joblib::native

#endif  // JOBLIB_NATIVE_WORKER_PROCESS_H_
