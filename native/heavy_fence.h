// A pair of memory fences, one side of which costs nothing.
//
//   often, on its own thread            seldom, on another
//   x.store(1, relaxed);                y.store(1, relaxed);
//   LightFence();                       HeavyFence();
//   if (y.load(relaxed) == 0) ...       if (x.load(relaxed) == 0) ...
//
// At least one of the two sees the other's store, as with two
// std::atomic_thread_fence(seq_cst), but the light side is no instruction at
// all: it only keeps the compiler from moving memory accesses across. The heavy
// side makes every running thread of the process pass a full barrier, in 1 to
// 10 us.
//
// Not everywhere: without HeavyFenceAvailable() use an atomic exchange on both
// sides. It is false on wasm, where the kernel refuses (before 4.14, some
// seccomp filters), and in builds for ThreadSanitizer, which cannot see it.
//
// Thread-safety: all functions, also in the child of a fork(). Source:
// membarrier(2), MEMBARRIER_CMD_PRIVATE_EXPEDITED.
#ifndef JOBLIB_NATIVE_HEAVY_FENCE_H_
#define JOBLIB_NATIVE_HEAVY_FENCE_H_

#include <atomic>

namespace joblib::native {

// Never changes in a process. The first call registers the process with the
// kernel: some milliseconds if other threads run already, so ask early.
bool HeavyFenceAvailable();

// Only where HeavyFenceAvailable(); else it ends the program with words.
void HeavyFence();

inline void LightFence() {
  std::atomic_signal_fence(std::memory_order_seq_cst);
}

}  // namespace joblib::native

#endif  // JOBLIB_NATIVE_HEAVY_FENCE_H_
