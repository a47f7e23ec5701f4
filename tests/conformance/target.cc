#include "tests/conformance/target.h"

namespace joblib::conformance {

Target CurrentTarget() { return Target::JOBLIB_CONFORMANCE_TARGET; }

std::string_view NameOf(Target target) {
  switch (target) {
    case Target::kNative:
      return "native";
    case Target::kWasm:
      return "wasm";
    case Target::kWasmThreads:
      return "wasm-threads";
  }
  return "";
}

}  // namespace joblib::conformance
