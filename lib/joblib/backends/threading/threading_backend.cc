#include "joblib/backends/threading/threading_backend.h"

#include <utility>

#include "joblib/backends/platform.h"
#include "joblib/backends/threading/thread_team.h"
#include "joblib/core/backend_access.h"
#include "joblib/core/first_copy.h"
#include "joblib/core/n_jobs.h"

namespace joblib {
namespace internal {
namespace {

std::shared_ptr<BackendCall> OwnTeam(const std::shared_ptr<BatchReceiver>& call,
                                     int n_workers, bool caller_helps) {
  return std::make_shared<ThreadTeam>(call, n_workers, caller_helps);
}

using MakeTeam =
    std::shared_ptr<BackendCall> (*)(const std::shared_ptr<BatchReceiver>& call,
                                     int n_workers, bool caller_helps);

}  // namespace

JOBLIB_COPY_OF("threads", MakeTeam, joblib_copy_threads, OwnTeam)

namespace {
// Of the pool that all copies of the library share.
std::shared_ptr<BackendCall> NewTeam(const std::shared_ptr<BatchReceiver>& call,
                                     int n_workers, bool caller_helps) {
  static const MakeTeam& first = FirstCopy("threads", joblib_copy_threads);
  return first(call, n_workers, caller_helps);
}
}  // namespace
}  // namespace internal

ThreadingBackend::ThreadingBackend() {
  internal::BackendAccess::MakePool(
      *this, internal::BackendAccess::AutoBatch::kThreads);
}

ThreadingBackend::~ThreadingBackend() {
  if (guests_ != nullptr) guests_->Close();
}

internal::BackendCall& ThreadingBackend::GuestTeam() {
  std::call_once(guests_once_, [this] {
    guests_ = internal::NewTeam(nullptr, internal::CpuCount(),
                                /*caller_helps=*/false);
  });
  return *guests_;
}

int ThreadingBackend::effective_n_jobs(NJobs n_jobs) const {
  const int n =
      internal::ResolveNJobs(n_jobs, [] { return internal::CpuCount(); });
  return internal::ThreadsAvailable() ? n : 1;
}

void ThreadingBackend::submit(Batch batch) {
  internal::BackendCall* const own =
      internal::BatchReceiver::Of(batch)->backend_call().get();
  if (own != nullptr && own->has_threads()) {
    own->Submit(std::move(batch));
  } else {
    GuestTeam().Submit(std::move(batch));
  }
}

std::shared_ptr<internal::BackendCall> ThreadingBackend::BeginCall(
    const std::shared_ptr<internal::BatchReceiver>& call,
    const internal::CallTraits& traits) {
  return internal::NewTeam(call, traits.n_jobs, traits.caller_helps);
}

}  // namespace joblib
