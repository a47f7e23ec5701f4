#include "joblib/backends/multiprocessing/multiprocessing_call.h"

#include <atomic>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "joblib/backends/platform.h"
#include "joblib/backends/process/pool_registry.h"
#include "joblib/backends/process/process_call.h"
#include "joblib/backends/process/worker_loop.h"
#include "joblib/core/first_copy.h"
#include "joblib/core/warning.h"
#include "native/fork_worker.h"
#include "native/thread.h"

namespace joblib::internal {
namespace {

TaskConfigFactory forked_task_config = nullptr;

absl::StatusOr<native::ChildProcess> ForkWorkerOf(WorkerLink& link) {
  const absl::StatusOr<std::int64_t> pid = native::ForkWorker([&link] {
    SetProcessKind(ProcessKind::kForkedWorker);
    // What this process inherited is its own copy: nobody misses it.
    ServeChannel(link.TakeChannel(), Keeper::TakeBellsAfterFork(),
                 std::move(link.workers_socket), forked_task_config);
  });
  if (!pid.ok()) return pid.status();
  return native::ChildProcess::Watch(*pid);
}

void WarnOfThreadsOnce() {
  static std::atomic<bool> warned{false};
  if (warned.load(std::memory_order_relaxed)) return;
  const int n = native::CountOtherThreads();
  if (n == 0 || warned.exchange(true)) return;
  const std::string openmp = native::OpenMpRuntime();
  Warn(absl::StrCat(
      "The multiprocessing backend forks this process, which has ", n,
      " more thread", n == 1 ? "" : "s",
      ": a lock that another thread holds at that moment is never released in "
      "the workers",
      openmp.empty()
          ? ""
          : absl::StrCat(", and an OpenMP loop waits for ever there if this "
                         "process has had one (",
                         openmp, ")"),
      ". Use backend=\"loky\" where tasks stop answering."));
}

std::shared_ptr<BackendCall> OwnBegin(
    const ParallelBackendBase& backend,
    const std::shared_ptr<BatchReceiver>& receiver, const CallTraits& traits) {
  WarnOfThreadsOnce();
  ProcessPool::Options options;
  options.n_workers = traits.n_jobs;
  options.forks = true;
  options.starter = ForkWorkerOf;
  auto call =
      std::make_shared<ProcessCall>(NewPool(std::move(options)), receiver,
                                    traits, backend.nesting_level() + 1);
  call->OwnPool();
  call->Begin();
  return call;
}

using Begin = std::shared_ptr<BackendCall> (*)(
    const ParallelBackendBase&, const std::shared_ptr<BatchReceiver>&,
    const CallTraits&);

}  // namespace

JOBLIB_COPY_OF("multiprocessing", Begin, joblib_copy_multiprocessing, OwnBegin)

void SetForkedTaskConfig(TaskConfigFactory task_config) {
  forked_task_config = task_config;
}

std::shared_ptr<BackendCall> BeginMultiprocessingCall(
    const ParallelBackendBase& backend,
    const std::shared_ptr<BatchReceiver>& receiver, const CallTraits& traits) {
  static const Begin& first =
      FirstCopy("multiprocessing", joblib_copy_multiprocessing);
  return first(backend, receiver, traits);
}

}  // namespace joblib::internal
