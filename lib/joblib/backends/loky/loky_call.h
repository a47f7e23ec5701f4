// What LokyBackend does where there are processes: loky_call.cc; where there
// are none it never comes to it: no_loky_call.cc.
#ifndef JOBLIB_BACKENDS_LOKY_LOKY_CALL_H_
#define JOBLIB_BACKENDS_LOKY_LOKY_CALL_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "joblib/core/batch_state.h"
#include "joblib/core/parallel_backend_base.h"

namespace joblib::internal {

// False, with one warning, where a call must be a plain loop: before main, and
// in a worker outside of its tasks.
bool MayStartWorkers();

// Throws std::runtime_error where this program can't be its own worker, or
// below too many worker processes.
std::shared_ptr<BackendCall> BeginLokyCall(
    const ParallelBackendBase& backend,
    const std::shared_ptr<BatchReceiver>& receiver, const CallTraits& traits);

// Ends the kept workers; those of running calls leave when these end.
void ShutdownLoky();

// The pool that the next call would find.
struct PoolView {
  int serial = 0;  // 0: there is none.
  std::vector<std::int64_t> pids;
};
PoolView LokyPoolForTest();

}  // namespace joblib::internal

#endif  // JOBLIB_BACKENDS_LOKY_LOKY_CALL_H_
