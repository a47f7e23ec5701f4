// Where there is no membarrier(2), or ThreadSanitizer could not see it.

#include <cstdio>
#include <cstdlib>

#include "native/heavy_fence.h"

namespace joblib::native {

bool HeavyFenceAvailable() { return false; }

void HeavyFence() {
  std::fputs(
      "joblib: HeavyFence: this build has none; HeavyFenceAvailable() must be "
      "asked first\n",
      stderr);
  std::abort();
}

}  // namespace joblib::native
