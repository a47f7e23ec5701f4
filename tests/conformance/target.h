// The platform that a test was built for; chosen in BUILD.bazel.

#ifndef JOBLIB_TESTS_CONFORMANCE_TARGET_H_
#define JOBLIB_TESTS_CONFORMANCE_TARGET_H_

#include <string_view>

namespace joblib::conformance {

enum class Target {
  kNative,       // Threads and processes.
  kWasm,         // Neither.
  kWasmThreads,  // Threads only.
};

Target CurrentTarget();

// "native", "wasm" or "wasm-threads".
std::string_view NameOf(Target target);

}  // namespace joblib::conformance

#endif  // JOBLIB_TESTS_CONFORMANCE_TARGET_H_
