#include <emscripten/threading.h>

#include <functional>
#include <memory>
#include <queue>
#include <thread>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "wasm/bindings/coordinator.h"

namespace joblib::wasm::internal {
namespace {

struct Errand {
  std::function<void()> work;
  std::function<void()> done;
};

class Coordinator {
 public:
  // On the host's thread, where a Web Worker of the pool starts at once.
  static Coordinator& Get() {
    static auto* const coordinator = new Coordinator;
    return *coordinator;
  }

  void Add(Errand errand) ABSL_LOCKS_EXCLUDED(mu_) {
    absl::MutexLock lock(&mu_);
    errands_.push(std::move(errand));
  }

 private:
  Coordinator() {
    std::thread([this] { Loop(); }).detach();
  }

  bool HasErrand() const ABSL_SHARED_LOCKS_REQUIRED(mu_) {
    return !errands_.empty();
  }

  Errand Next() ABSL_LOCKS_EXCLUDED(mu_) {
    absl::MutexLock lock(&mu_);
    mu_.Await(absl::Condition(this, &Coordinator::HasErrand));
    Errand errand = std::move(errands_.front());
    errands_.pop();
    return errand;
  }

  [[noreturn]] void Loop() {
    for (;;) {
      Errand errand = Next();
      errand.work();
      TellHost([errand = std::move(errand)] { errand.done(); });
    }
  }

  absl::Mutex mu_;
  std::queue<Errand> errands_ ABSL_GUARDED_BY(mu_);
};

void RunAndDelete(void* f) {
  const std::unique_ptr<std::function<void()>> function(
      static_cast<std::function<void()>*>(f));
  (*function)();
}

}  // namespace

void RunThenDone(std::function<void()> work, std::function<void()> done) {
  Coordinator::Get().Add({.work = std::move(work), .done = std::move(done)});
}

void TellHost(std::function<void()> f) {
  emscripten_async_run_in_main_runtime_thread(
      EM_FUNC_SIG_VI, &RunAndDelete, new std::function<void()>(std::move(f)));
}

bool HostIsFree() { return true; }

}  // namespace joblib::wasm::internal
