// IdentityCode: functions and constants that travel within this process only,
// by their address, for tests of what sends them.
#ifndef JOBLIB_TESTS_TESTING_IDENTITY_CODE_H_
#define JOBLIB_TESTS_TESTING_IDENTITY_CODE_H_

#include <cstddef>
#include <cstdint>

#include "joblib/core/byte_reader.h"
#include "joblib/core/code_refs.h"

namespace joblib::testing {

class IdentityCode final : public internal::CodeRefs {
 public:
  static void Use() {
    static auto* const code = new IdentityCode;
    internal::SetCodeRefs(code);
  }
  internal::CodeRef Of(const void* function) override {
    return {kModule, reinterpret_cast<std::uintptr_t>(function)};
  }
  const void* Find(internal::CodeRef ref) override {
    if (ref.module != kModule) {
      throw internal::DecodeError("there is no such module");
    }
    return reinterpret_cast<const void*>(
        static_cast<std::uintptr_t>(ref.offset));
  }
  internal::CodeRef OfConstant(const void* constant) override {
    return Of(constant);
  }
  const void* FindConstant(internal::CodeRef ref, std::size_t) override {
    return Find(ref);
  }

 private:
  static constexpr std::uint64_t kModule = 1;
};

}  // namespace joblib::testing

#endif  // JOBLIB_TESTS_TESTING_IDENTITY_CODE_H_
