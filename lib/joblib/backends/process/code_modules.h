// CodeModules: CodeRefs by the modules of this process, for core; and which
// modules an encoded call speaks of, so that a worker can load them first.
//
// Thread-safety: any thread.
#ifndef JOBLIB_BACKENDS_PROCESS_CODE_MODULES_H_
#define JOBLIB_BACKENDS_PROCESS_CODE_MODULES_H_

#include <cstddef>
#include <cstdint>

#include "absl/container/inlined_vector.h"
#include "absl/status/statusor.h"
#include "joblib/core/code_refs.h"
#include "native/code_address.h"

namespace joblib::internal {

class CodeModules final : public CodeRefs {
 public:
  CodeRef Of(const void* function) override;
  const void* Find(CodeRef ref) override;
  CodeRef OfConstant(const void* constant) override;
  const void* FindConstant(CodeRef ref, std::size_t bytes) override;

  // While it lives, the modules that Of and OfConstant answer with on this
  // thread are noted.
  class Noted {
   public:
    Noted();
    Noted(const Noted&) = delete;
    ~Noted();
    using Modules = absl::InlinedVector<std::uint64_t, 4>;
    const Modules& modules() const { return modules_; }

   private:
    friend class CodeModules;
    Modules modules_;  // Each once.
    Noted* const outer_;
  };

 private:
  static CodeRef Note(const absl::StatusOr<native::CodeAddress>& address);
};

}  // namespace joblib::internal

#endif  // JOBLIB_BACKENDS_PROCESS_CODE_MODULES_H_
