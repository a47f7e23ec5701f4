#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <climits>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "native/affinity.h"
#include "native/elf_module.h"
#include "native/errno_status.h"
#include "native/thread.h"

namespace joblib::native {
namespace {

constexpr std::size_t kMaxNameLength = 15;  // pthread_setname_np(3).

// Threads of ours that have their creator's name as yet.
std::atomic<int> n_unnamed{0};

struct Start {
  absl::AnyInvocable<void()> body;
  std::string name;
};

// Not noexcept: an exception ends the program all the same, but where it was
// thrown, and pthread_exit() in `body` works.
void* RunThread(void* argument) {
  const std::unique_ptr<Start> start(static_cast<Start*>(argument));
  pthread_setname_np(pthread_self(), start->name.c_str());
  n_unnamed.fetch_sub(1);
  UseProcessAffinity();
  start->body();
  return nullptr;
}

// The signals that no thread of ours takes: the program's threads are there for
// them. What a thread's own code causes must reach the program's handler, if it
// has one (blocked, it kills), and a profiler's timer counts our work as well.
sigset_t SignalsOfTheProgram() {
  sigset_t signals;
  sigfillset(&signals);
  for (const int own :
       {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGABRT, SIGPROF}) {
    sigdelset(&signals, own);
  }
  return signals;
}

struct StackBounds {
  std::uintptr_t low;
  std::uintptr_t high;  // 0: not known yet.
};
thread_local constinit StackBounds stack_bounds = {};

// For the first thread glibc reads /proc/self/maps.
StackBounds ReadStackBounds() {
  StackBounds bounds = {.low = 0, .high = 1};  // Known to be nowhere.
  pthread_attr_t attributes;
  if (pthread_getattr_np(pthread_self(), &attributes) != 0) return bounds;
  void* low = nullptr;
  std::size_t size = 0;
  if (pthread_attr_getstack(&attributes, &low, &size) == 0) {
    bounds.low = reinterpret_cast<std::uintptr_t>(low);
    bounds.high = bounds.low + size;
  }
  pthread_attr_destroy(&attributes);
  return bounds;
}

}  // namespace

absl::Status StartThread(absl::AnyInvocable<void()> body,
                         const std::string& name) {
  static std::atomic<int> n_started = 0;
  auto start = std::make_unique<Start>();
  start->body = std::move(body);
  start->name = name.empty() ? absl::StrCat("joblib-", ++n_started)
                             : name.substr(0, kMaxNameLength);

  pthread_attr_t attributes;
  if (const int error = pthread_attr_init(&attributes); error != 0) {
    return ErrnoStatus(error, "start a thread");
  }
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  // The new thread inherits the mask: there is no moment when it could take a
  // signal. The caller gets its own back before this returns.
  const sigset_t blocked = SignalsOfTheProgram();
  sigset_t before;
  pthread_sigmask(SIG_SETMASK, &blocked, &before);
  pthread_t thread;
  n_unnamed.fetch_add(1);
  const int error =
      pthread_create(&thread, &attributes, &RunThread, start.get());
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  pthread_attr_destroy(&attributes);
  if (error != 0) {
    n_unnamed.fetch_sub(1);
    return ErrnoStatus(error, "start a thread");
  }
  start.release();
  return absl::OkStatus();
}

int CountOtherThreads() {
  const int unnamed_before = n_unnamed.load();
  int n = 0;
  std::error_code error;
  const std::string own = std::to_string(syscall(SYS_gettid));
  for (const auto& thread :
       std::filesystem::directory_iterator("/proc/self/task", error)) {
    std::ifstream file(thread.path() / "comm");
    std::string name;
    if (!std::getline(file, name)) continue;  // It has just ended.
    if (thread.path().filename() == own || name.starts_with("joblib-")) {
      continue;
    }
    ++n;
  }
  return std::max(n - std::max(unnamed_before, n_unnamed.load()), 0);
}

int MaxThreads() { return INT_MAX; }

bool CanStartThreads() { return true; }

std::size_t RemainingStack() {
  if (stack_bounds.high == 0) stack_bounds = ReadStackBounds();
  // Not the address of a local variable: AddressSanitizer keeps those
  // elsewhere.
  const auto here =
      reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0));
  if (here < stack_bounds.low || here >= stack_bounds.high) return 0;
  return here - stack_bounds.low;
}

std::size_t DefaultStackSize() {
  pthread_attr_t attributes;
  if (pthread_attr_init(&attributes) != 0) return 0;
  std::size_t size = 0;
  pthread_attr_getstacksize(&attributes, &size);
  pthread_attr_destroy(&attributes);
  return size;
}

void PinThisModule() {
  static const bool done = PinModuleOf(reinterpret_cast<void*>(&PinThisModule));
  static_cast<void>(done);
}

absl::Status OnFork(void (*prepare)(), void (*parent)(), void (*child)()) {
  const int error = pthread_atfork(prepare, parent, child);
  if (error == 0) return absl::OkStatus();
  return ErrnoStatus(error, "register functions for fork()");
}

std::uint64_t ThisThreadId() {
  return static_cast<std::uint64_t>(syscall(SYS_gettid));
}

std::int64_t ProcessId() { return getpid(); }

}  // namespace joblib::native
