#include <signal.h>
#include <sys/syscall.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>
#include <unwind.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string>
#include <thread>

#include "absl/debugging/symbolize.h"
#include "native/worker_process.h"

// Where the program was built for it: they write its coverage data, which a
// process that ends by _exit would lose.
extern "C" __attribute__((weak)) void __gcov_dump();
extern "C" __attribute__((weak)) int __llvm_profile_write_file();

namespace joblib::native {
namespace {

constexpr int kCrashSignals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
constexpr std::size_t kCrashStackBytes = std::size_t{128} << 10;
constexpr int kMaxFrames = 24;
constexpr int kMaxNameBytes = 200;
constexpr timespec kTimeToTell = {.tv_sec = 0, .tv_nsec = 200'000'000};

std::atomic<std::uint32_t>* crash_used = nullptr;
char* crash_text = nullptr;
std::uint32_t crash_size = 0;
std::atomic<bool> crashing{false};

void DoNothing(int) {}

std::uintptr_t ProgramCounter(const void* context) {
#if defined(__x86_64__)
  return static_cast<std::uintptr_t>(
      static_cast<const ucontext_t*>(context)->uc_mcontext.gregs[REG_RIP]);
#elif defined(__aarch64__)
  return static_cast<const ucontext_t*>(context)->uc_mcontext.pc;
#else
  (void)context;
  return 0;
#endif
}

// Only what may be called in a signal handler: no memory is asked for, and each
// line counts as soon as it is there, as the next step may be the last.
void AddLine(std::uintptr_t pc, bool is_return_address) {
  char name[kMaxNameBytes];
  // A call may be the last thing in a function that never returns.
  void* const at = reinterpret_cast<void*>(pc - (is_return_address ? 1 : 0));
  if (!absl::Symbolize(at, name, sizeof name)) {
    char* out = name;
    for (const char c : {'0', 'x'}) *out++ = c;
    for (int shift = 60; shift >= 0; shift -= 4) {
      *out++ = "0123456789abcdef"[(pc >> shift) & 15];
    }
    *out = '\0';
  }
  const auto bytes = static_cast<std::uint32_t>(std::strlen(name));
  const std::uint32_t used = crash_used->load(std::memory_order_relaxed);
  if (bytes + 1 > crash_size - used) return;
  std::memcpy(crash_text + used, name, bytes);
  crash_text[used + bytes] = '\n';
  crash_used->store(used + bytes + 1, std::memory_order_release);
}

struct Walk {
  std::uintptr_t crash_pc;
  int frames = 0;  // Below the handler's own.
};

_Unwind_Reason_Code AtFrame(_Unwind_Context* context, void* data) {
  Walk& walk = *static_cast<Walk*>(data);
  const std::uintptr_t pc = _Unwind_GetIP(context);
  if (walk.frames == 0) {
    if (pc == walk.crash_pc) walk.frames = 1;  // Told already.
    return _URC_NO_REASON;
  }
  if (pc != 0) AddLine(pc, true);
  return ++walk.frames < kMaxFrames ? _URC_NO_REASON : _URC_END_OF_STACK;
}

_Unwind_Reason_Code AtFirstFrame(_Unwind_Context*, void*) {
  return _URC_END_OF_STACK;
}

// Should the walk below never end: a stack gone wild, a lock that is held.
void EndSoonBy(int signal) {
  sigevent event = {};
  event.sigev_notify = SIGEV_SIGNAL;
  event.sigev_signo = signal;
  int timer = 0;
  if (syscall(SYS_timer_create, CLOCK_MONOTONIC, &event, &timer) != 0) return;
  const itimerspec once = {.it_interval = {}, .it_value = kTimeToTell};
  syscall(SYS_timer_settime, timer, 0, &once, nullptr);
}

void OnCrash(int signal, siginfo_t*, void* context) {
  if (!crashing.exchange(true)) {
    EndSoonBy(signal);
    Walk walk = {ProgramCounter(context)};
    AddLine(walk.crash_pc, false);
    _Unwind_Backtrace(AtFrame, &walk);
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

void RecordCrashes(std::atomic<std::uint32_t>* used, char* text,
                   std::uint32_t size) {
  crash_used = used;
  crash_text = text;
  crash_size = size;
  // The unwinder loads what it needs at its first use: not in a handler.
  _Unwind_Backtrace(AtFirstFrame, nullptr);
  stack_t stack = {};
  // For the process's life; static, so that a leak checker sees it.
  static void* const memory = std::malloc(kCrashStackBytes);
  stack.ss_sp = memory;
  stack.ss_size = kCrashStackBytes;
  if (stack.ss_sp != nullptr) sigaltstack(&stack, nullptr);
  struct sigaction action = {};
  action.sa_sigaction = OnCrash;
  action.sa_flags = SA_ONSTACK | SA_RESETHAND | SA_NODEFER | SA_SIGINFO;
  for (const int signal : kCrashSignals) sigaction(signal, &action, nullptr);
}

void WaitForDebugger() {
  const auto is_traced = [] {
    std::ifstream status("/proc/self/status");
    for (std::string line; std::getline(status, line);) {
      if (line.rfind("TracerPid:", 0) == 0) return std::stoi(line.substr(10));
    }
    return 0;
  };
  std::fprintf(stderr,
               "joblib: worker process %d waits for a debugger: gdb -p %d\n",
               getpid(), getpid());
  while (is_traced() == 0) {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
}

void TakeWorkerLocale() {
  const char* const locale = std::getenv(kWorkerLocale);
  if (locale == nullptr) return;
  std::setlocale(LC_ALL, locale);
  unsetenv(kWorkerLocale);
}

void LeaveWorker(int exit_code) {
  std::fflush(nullptr);
  if (__gcov_dump != nullptr) __gcov_dump();
  if (__llvm_profile_write_file != nullptr) __llvm_profile_write_file();
  _exit(exit_code);
}

}  // namespace joblib::native
