#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

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
  // A forked child inherits the registration with the address space.
  static const bool registered =
      Membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED);
  return registered;
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
