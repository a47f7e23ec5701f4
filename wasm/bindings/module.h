// What the C++ of a page's module includes: see joblib_wasm_module in
// wasm/module.bzl.
//
//   double Norm(const std::vector<double>& x) { ... Parallel()(...) ... }
//
//   EMSCRIPTEN_BINDINGS(norm) { joblib::wasm::function("norm", &Norm); }
//
// and in the page: await module.call('norm', new Float64Array([3, 4])).
#ifndef WASM_BINDINGS_MODULE_H_
#define WASM_BINDINGS_MODULE_H_

#include <emscripten/bind.h>  // IWYU pragma: export

#include "wasm/bindings/function.h"   // IWYU pragma: export
#include "wasm/bindings/js_value.h"   // IWYU pragma: export
#include "wasm/bindings/page_call.h"  // IWYU pragma: export

#endif  // WASM_BINDINGS_MODULE_H_
