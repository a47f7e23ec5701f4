// Links the hook but never says what a worker does. Prints its module's id.

#include <cinttypes>
#include <cstdio>

#include "native/code_address.h"
#include "native/main_hook.h"

int main() {
  const auto address = joblib::native::LocateCode(
      reinterpret_cast<const void*>(&joblib::native::HookActive));
  if (!address.ok()) return 1;
  std::printf("%" PRIu64 "\n", address->module);
  return 0;
}
