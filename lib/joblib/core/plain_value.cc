#include "joblib/core/plain_value.h"

#include "joblib/core/errors.h"

namespace joblib::internal {
namespace {

struct WithVirtual {
  virtual ~WithVirtual() = default;
  virtual void First() {}
};

MemberFunctionBits BitsOf(void (WithVirtual::*function)()) {
  MemberFunctionBits bits;
  std::memcpy(&bits, &function, sizeof bits);
  return bits;
}

// The lowest bit says that it is virtual: of the address on some machines, of
// the offset on those whose functions may have odd addresses (Arm, wasm).
bool IsVirtual(const MemberFunctionBits& bits) {
  static const bool in_offset =
      (BitsOf(&WithVirtual::First).this_offset & 1) != 0;
  if (in_offset) return (bits.this_offset & 1) != 0;
  return (reinterpret_cast<std::uintptr_t>(bits.function) & 1) != 0;
}

}  // namespace

CodeRef MemberFunctionRef(const MemberFunctionBits& bits) {
  if (IsVirtual(bits)) {
    throw PicklingError(
        "Could not pickle the task to send it to the workers: a pointer to a "
        "virtual member function can't travel. Wrap the call in a captureless "
        "lambda, or use backend=\"threading\".");
  }
  return bits.function == nullptr ? CodeRef{} : TheCodeRefs().Of(bits.function);
}

}  // namespace joblib::internal
