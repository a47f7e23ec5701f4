#include "joblib/backends/threading/threading_backend.h"

#include <utility>

#include "joblib/backends/platform.h"
#include "joblib/backends/threading/thread_team.h"
#include "joblib/core/backend_access.h"
#include "joblib/core/n_jobs.h"

namespace joblib {

ThreadingBackend::ThreadingBackend() {
  internal::BackendAccess::MakePool(
      *this, internal::BackendAccess::AutoBatch::kThreads);
}

ThreadingBackend::~ThreadingBackend() {
  if (guests_ != nullptr) guests_->Close();
}

internal::ThreadTeam& ThreadingBackend::GuestTeam() {
  std::call_once(guests_once_, [this] {
    guests_ = std::make_shared<internal::ThreadTeam>(
        std::weak_ptr<internal::BatchReceiver>(), internal::CpuCount(),
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
  return std::make_shared<internal::ThreadTeam>(call, traits.n_jobs,
                                                traits.caller_helps);
}

}  // namespace joblib
