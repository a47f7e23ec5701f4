// One Parallel call and nothing else: what the library itself weighs.
#include <cstdint>
#include <vector>

#include "joblib/joblib.h"
#include "wasm/bindings/module.h"

namespace {

int Square(int x) { return x * x; }

std::vector<std::int32_t> Squares(int n) {
  return joblib::Parallel()(joblib::each(
      joblib::range(n), [](int i) { return joblib::delayed(Square)(i); }));
}

}  // namespace

EMSCRIPTEN_BINDINGS(squares) { joblib::wasm::function("squares", &Squares); }
