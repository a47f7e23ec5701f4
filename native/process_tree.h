// Kills a process's descendants: for child_process alone.
#ifndef JOBLIB_NATIVE_PROCESS_TREE_H_
#define JOBLIB_NATIVE_PROCESS_TREE_H_

#include <cstdint>

namespace joblib::native {

// SIGKILLs all descendants of `pid`, which is stopped and stays so: it can
// start no further ones. Those whose parent has ended are no descendants any
// more. Needs /proc; without it there are none.
void KillDescendants(std::int64_t pid);

}  // namespace joblib::native

#endif  // JOBLIB_NATIVE_PROCESS_TREE_H_
