#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>

#include "native/heavy_fence.h"

namespace joblib::native {
namespace {

bool Membarrier(int command) {
  return syscall(SYS_membarrier, command, 0, 0) == 0;
}

}  // namespace

bool HeavyFenceAvailable() {
  // A forked child inherits the registration with the address space. Not a
  // static local's guard: registering takes milliseconds, and a child forked
  // meanwhile would wait for ever for the thread that holds it.
  enum : int { kUnknown, kNo, kYes };
  static std::atomic<int> available{kUnknown};
  int known = available.load(std::memory_order_acquire);
  if (known == kUnknown) {
    known = Membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED) ? kYes : kNo;
    available.store(known, std::memory_order_release);
  }
  return known == kYes;
}

void HeavyFence() {
  if (HeavyFenceAvailable() && Membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED)) {
    return;
  }
  std::perror(
      "joblib: HeavyFence: membarrier(2) failed; HeavyFenceAvailable() must be "
      "asked first");
  std::abort();
}

}  // namespace joblib::native
