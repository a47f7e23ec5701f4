#include <emscripten/stack.h>

#include "native/thread.h"

namespace joblib::native {

absl::Status StartThread(absl::AnyInvocable<void()> /*body*/,
                         const std::string& /*name*/) {
  return absl::UnimplementedError(
      "start a thread: this WebAssembly module has one thread only");
}

int MaxThreads() { return 0; }

bool CanStartThreads() { return false; }

std::size_t RemainingStack() { return emscripten_stack_get_free(); }

std::size_t DefaultStackSize() { return 0; }

void PinThisModule() {}

absl::Status OnFork(void (* /*prepare*/)(), void (* /*parent*/)(),
                    void (* /*child*/)()) {
  return absl::OkStatus();
}

std::uint64_t ThisThreadId() { return 1; }

std::int64_t ProcessId() { return 1; }

}  // namespace joblib::native
