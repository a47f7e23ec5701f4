#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <iterator>

#include "absl/debugging/stacktrace.h"
#include "native/worker_process.h"

// Where the program was built for it: they write its coverage data, which a
// process that ends by _exit would lose.
extern "C" __attribute__((weak)) void __gcov_dump();
extern "C" __attribute__((weak)) int __llvm_profile_write_file();

namespace joblib::native {
namespace {

constexpr int kCrashSignals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
constexpr std::size_t kCrashStackBytes = std::size_t{64} << 10;

std::atomic<std::uint32_t>* crash_n_frames = nullptr;
std::uint64_t* crash_frames = nullptr;
int crash_max_frames = 0;
std::atomic<bool> crashing{false};

void DoNothing(int) {}

void OnCrash(int signal) {
  if (!crashing.exchange(true)) {
    void* addresses[64];
    const int n = absl::GetStackTrace(
        addresses, std::min<int>(std::size(addresses), crash_max_frames), 1);
    for (int i = 0; i < n; ++i) {
      crash_frames[i] = reinterpret_cast<std::uint64_t>(addresses[i]);
    }
    crash_n_frames->store(n, std::memory_order_release);
  }
  // SA_RESETHAND: this time it ends the process.
  raise(signal);
}

}  // namespace

void IgnoreTerminalSignals() {
  struct sigaction action = {};
  action.sa_handler = DoNothing;
  action.sa_flags = SA_RESTART;
  for (const int signal : {SIGINT, SIGQUIT}) {
    sigaction(signal, &action, nullptr);
  }
}

void RecordCrashes(std::atomic<std::uint32_t>* n_frames, std::uint64_t* frames,
                   int max_frames) {
  crash_n_frames = n_frames;
  crash_frames = frames;
  crash_max_frames = max_frames;
  // The unwinder loads what it needs at its first use: not in a handler.
  void* address;
  absl::GetStackTrace(&address, 1, 0);
  stack_t stack = {};
  stack.ss_sp = std::malloc(kCrashStackBytes);  // For the process's life.
  stack.ss_size = kCrashStackBytes;
  if (stack.ss_sp != nullptr) sigaltstack(&stack, nullptr);
  struct sigaction action = {};
  action.sa_handler = OnCrash;
  action.sa_flags = SA_ONSTACK | SA_RESETHAND | SA_NODEFER;
  for (const int signal : kCrashSignals) sigaction(signal, &action, nullptr);
}

void LeaveWorker(int exit_code) {
  std::fflush(nullptr);
  if (__gcov_dump != nullptr) __gcov_dump();
  if (__llvm_profile_write_file != nullptr) __llvm_profile_write_file();
  _exit(exit_code);
}

}  // namespace joblib::native
