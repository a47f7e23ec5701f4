// BackendAccess: what the library sets and asks of a backend beside its public
// interface.
#ifndef JOBLIB_CORE_BACKEND_ACCESS_H_
#define JOBLIB_CORE_BACKEND_ACCESS_H_

#include <memory>

#include "joblib/core/parallel_backend_base.h"

namespace joblib::internal {

struct BackendAccess {
  using AutoBatch = ParallelBackendBase::AutoBatch;

  // An instance without a level takes the one it is first used at.
  static void SetLevelIfUnset(ParallelBackendBase& backend, int level) {
    int unset = -1;
    backend.nesting_level_.compare_exchange_strong(unset, level);
  }
  // Before the backend is used by anyone.
  static void SetInnerMaxNumThreads(ParallelBackendBase& backend, int n) {
    backend.inner_max_num_threads_ = n;
  }
  static void SetParams(ParallelBackendBase& backend, BackendParams params) {
    backend.backend_params_ = std::move(params);
  }
  static void MakePool(ParallelBackendBase& backend, AutoBatch auto_batch) {
    backend.sequential_if_alone_ = true;
    backend.auto_batch_ = auto_batch;
  }
  static bool SequentialIfAlone(const ParallelBackendBase& backend) {
    return backend.sequential_if_alone_;
  }
  static AutoBatch auto_batch(const ParallelBackendBase& backend) {
    return backend.auto_batch_;
  }
  static std::shared_ptr<BackendCall> BeginCall(
      ParallelBackendBase& backend, const std::shared_ptr<BatchReceiver>& call,
      const CallTraits& traits) {
    return backend.BeginCall(call, traits);
  }
};

}  // namespace joblib::internal

#endif  // JOBLIB_CORE_BACKEND_ACCESS_H_
