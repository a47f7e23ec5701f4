#include <emscripten.h>
#include <emscripten/stack.h>
#include <emscripten/threading.h>
#include <pthread.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "native/thread.h"

namespace joblib::native {
namespace {

std::atomic<int> n_running = 0;

// The Web Workers of the pool that wait for a thread. The list is the main
// thread's, which has to handle the question.
int IdleWebWorkers() {
  return MAIN_THREAD_EM_ASM_INT({ return PThread.unusedWorkers.length; });
}

// Takes one of the MaxThreads() places, unless all are taken.
bool TakePlace() {
  int running = n_running.load();
  do {
    if (running >= MaxThreads()) return false;
  } while (!n_running.compare_exchange_weak(running, running + 1));
  // A thread that has just ended gave its place back, its Web Worker perhaps
  // not yet. Emscripten then loads one more, which takes a free main thread:
  // there is none if this is it.
  if (emscripten_is_main_runtime_thread() && IdleWebWorkers() == 0) {
    --n_running;
    return false;
  }
  return true;
}

void* RunThread(void* argument) {
  {
    const std::unique_ptr<absl::AnyInvocable<void()>> body(
        static_cast<absl::AnyInvocable<void()>*>(argument));
    (*body)();
  }
  --n_running;
  return nullptr;
}

absl::Status NoMoreThreads() {
  return absl::ResourceExhaustedError(absl::StrCat(
      "start a thread: all ", MaxThreads(),
      " Web Workers of this module are in use; link it with a larger "
      "-sPTHREAD_POOL_SIZE"));
}

}  // namespace

absl::Status StartThread(absl::AnyInvocable<void()> body,
                         const std::string& /*name*/) {
  if (!TakePlace()) return NoMoreThreads();
  auto start = std::make_unique<absl::AnyInvocable<void()>>(std::move(body));
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  pthread_t thread;
  const int error =
      pthread_create(&thread, &attributes, &RunThread, start.get());
  pthread_attr_destroy(&attributes);
  if (error != 0) {
    --n_running;
    return NoMoreThreads();
  }
  start.release();
  return absl::OkStatus();
}

int MaxThreads() {
  static const int max_threads =
      emscripten_has_threading_support() != 0 ? IdleWebWorkers() : 0;
  return max_threads;
}

bool CanStartThreads() { return MaxThreads() > 0; }

std::size_t RemainingStack() { return emscripten_stack_get_free(); }

std::size_t DefaultStackSize() {
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  std::size_t size = 0;
  pthread_attr_getstacksize(&attributes, &size);
  pthread_attr_destroy(&attributes);
  return size;
}

void PinThisModule() {}

absl::Status OnFork(void (* /*prepare*/)(), void (* /*parent*/)(),
                    void (* /*child*/)()) {
  return absl::OkStatus();
}

std::uint64_t ThisThreadId() { return static_cast<std::uint64_t>(gettid()); }

std::int64_t ProcessId() { return 1; }

}  // namespace joblib::native
