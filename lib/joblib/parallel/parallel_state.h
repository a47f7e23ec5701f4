// ParallelState: what a Parallel object is: its settings, and whether it runs.
//
// Thread-safety: BeginCall and EndCall guard themselves; the rest belongs to
// the thread that has the call.
#ifndef JOBLIB_PARALLEL_PARALLEL_STATE_H_
#define JOBLIB_PARALLEL_PARALLEL_STATE_H_

#include <atomic>
#include <memory>

#include "joblib/parallel/backend_choice.h"
#include "joblib/parallel/call_plan.h"

namespace joblib::internal {

class ParallelState {
 public:
  explicit ParallelState(const ParallelOptions& options);

  // Takes the object for one call and starts the backend. Throws
  // std::runtime_error if it runs already, and what the backend throws.
  CallPlan BeginCall(ReturnAs return_as);
  // Gives it back. Throws what the backend throws at its end; not if `failed`:
  // the call's own error says more.
  void EndCall(bool failed);

  void BeginSession();
  void EndSession();

  const Resolved& resolved() const { return resolved_; }
  // What is used in place of resolved().backend after Initialize.
  const std::shared_ptr<ParallelBackendBase>& used_backend() const {
    return used_;
  }
  // How many workers the backend, once started, has.
  int Initialize();

 private:
  CallPlan Plan(ReturnAs return_as, int n_jobs) const;
  BackendParams ConfigureParams() const;

  const Resolved resolved_;
  std::shared_ptr<ParallelBackendBase> used_;
  std::atomic<bool> running_{false};
  bool session_ = false;
  bool called_ = false;  // start_call without stop_call yet.
};

}  // namespace joblib::internal

#endif  // JOBLIB_PARALLEL_PARALLEL_STATE_H_
