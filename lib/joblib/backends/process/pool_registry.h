// PoolRegistry: all pools of worker processes that this process has, so that
// the keeper can look after them, and the end of the program end them.
//
// Thread-safety: all functions.
#ifndef JOBLIB_BACKENDS_PROCESS_POOL_REGISTRY_H_
#define JOBLIB_BACKENDS_PROCESS_POOL_REGISTRY_H_

#include <memory>
#include <vector>

#include "joblib/backends/process/process_pool.h"

namespace joblib::internal {

// A new pool. It lives as long as somebody holds it, and its last worker.
std::shared_ptr<ProcessPool> NewPool(ProcessPool::Options options);
// Those that live.
std::vector<std::shared_ptr<ProcessPool>> AllPools();
// Retires all pools; waits until no worker is left but those of running calls.
void RetireAllPools();
// Grows by one in the child of a fork(): what is from before is not ours.
int ForkGeneration();

}  // namespace joblib::internal

#endif  // JOBLIB_BACKENDS_PROCESS_POOL_REGISTRY_H_
