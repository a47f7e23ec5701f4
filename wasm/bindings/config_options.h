// The options of a page's call as those of a parallel_config.
#ifndef WASM_BINDINGS_CONFIG_OPTIONS_H_
#define WASM_BINDINGS_CONFIG_OPTIONS_H_

#include <emscripten/val.h>

#include "joblib/parallel_config.h"

namespace joblib::wasm::internal {

// Reads an object whose keys are joblib's names: undefined is not given, null
// is none. Throws std::invalid_argument for a key or a kind of value that
// joblib does not know.
ConfigOptions ConfigOptionsFrom(const emscripten::val& object);

}  // namespace joblib::wasm::internal

#endif  // WASM_BINDINGS_CONFIG_OPTIONS_H_
