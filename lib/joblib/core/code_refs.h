// CodeRefs: functions and constants as other processes of the same program find
// them.
//
// core knows no modules: what does, native/code_address.h, is put in by
// builtin_backends.cc before main.
#ifndef JOBLIB_CORE_CODE_REFS_H_
#define JOBLIB_CORE_CODE_REFS_H_

#include <cstddef>
#include <cstdint>

namespace joblib::internal {

struct CodeRef {
  std::uint64_t module = 0;  // 0: no function (a null pointer).
  std::uint64_t offset = 0;
};

class CodeRefs {
 public:
  virtual ~CodeRefs() = default;
  // Throws PicklingError if it is in no module.
  virtual CodeRef Of(const void* function) = 0;
  // Throws DecodeError if there is no such function here.
  virtual const void* Find(CodeRef ref) = 0;
  // The same for a constant of so many bytes.
  virtual CodeRef OfConstant(const void* constant) = 0;
  virtual const void* FindConstant(CodeRef ref, std::size_t bytes) = 0;
};

// `refs` lives for ever. Without any, TheCodeRefs throws PicklingError.
void SetCodeRefs(CodeRefs* refs);
CodeRefs& TheCodeRefs();

}  // namespace joblib::internal

#endif  // JOBLIB_CORE_CODE_REFS_H_
