#include <functional>

#include "wasm/bindings/coordinator.h"

namespace joblib::wasm::internal {

void RunThenDone(std::function<void()> work, std::function<void()> done) {
  work();
  done();
}

void TellHost(std::function<void()> f) { f(); }

bool HostIsFree() { return false; }

}  // namespace joblib::wasm::internal
