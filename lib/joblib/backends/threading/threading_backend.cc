#include "joblib/backends/threading/threading_backend.h"

#include <utility>

#include "absl/synchronization/mutex.h"
#include "joblib/backends/platform.h"
#include "joblib/backends/threading/thread_team.h"
#include "joblib/core/backend_access.h"
#include "joblib/core/n_jobs.h"

namespace joblib {

class ThreadingBackend::Guests {
 public:
  ~Guests() {
    if (team_ != nullptr) team_->Close();
  }
  internal::ThreadTeam& team() {
    absl::MutexLock lock(&mu_);
    if (team_ == nullptr) {
      team_ = std::make_shared<internal::ThreadTeam>(
          std::weak_ptr<internal::BatchReceiver>(), internal::CpuCount(),
          /*caller_helps=*/false);
    }
    return *team_;
  }

 private:
  absl::Mutex mu_;
  std::shared_ptr<internal::ThreadTeam> team_ ABSL_GUARDED_BY(mu_);
};

ThreadingBackend::ThreadingBackend() : guests_(std::make_unique<Guests>()) {
  internal::BackendAccess::MakePool(
      *this, internal::BackendAccess::AutoBatch::kThreads);
}

ThreadingBackend::~ThreadingBackend() = default;

int ThreadingBackend::effective_n_jobs(NJobs n_jobs) const {
  const int n =
      internal::ResolveNJobs(n_jobs, [] { return internal::CpuCount(); });
  return internal::ThreadsAvailable() ? n : 1;
}

void ThreadingBackend::submit(Batch batch) {
  auto* own = dynamic_cast<internal::ThreadTeam*>(
      internal::BatchReceiver::Of(batch)->backend_call().get());
  internal::ThreadTeam& team = own != nullptr ? *own : guests_->team();
  team.Submit(std::move(batch));
}

std::shared_ptr<internal::BackendCall> ThreadingBackend::BeginCall(
    const std::shared_ptr<internal::BatchReceiver>& call, int n_jobs,
    bool caller_helps) {
  return std::make_shared<internal::ThreadTeam>(call, n_jobs, caller_helps);
}

}  // namespace joblib
