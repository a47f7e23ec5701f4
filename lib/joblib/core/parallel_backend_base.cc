#include "joblib/core/parallel_backend_base.h"

#include "joblib/core/batch_state.h"

namespace joblib {

int ParallelBackendBase::configure(NJobs n_jobs, const BackendParams&) {
  return effective_n_jobs(n_jobs);
}

void ParallelBackendBase::abort_everything(bool) {}

std::pair<std::shared_ptr<ParallelBackendBase>, NJobs>
ParallelBackendBase::get_nested_backend() const {
  return {nullptr, none};
}

std::shared_ptr<internal::BackendCall> ParallelBackendBase::BeginCall(
    const std::shared_ptr<internal::BatchReceiver>&,
    const internal::CallTraits&) {
  return nullptr;
}

}  // namespace joblib
