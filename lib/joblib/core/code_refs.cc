#include "joblib/core/code_refs.h"

#include <atomic>

#include "joblib/core/errors.h"
#include "joblib/core/first_copy.h"

namespace joblib::internal {
namespace {
std::atomic<CodeRefs*> the_code_refs{nullptr};

CodeRefs* OwnCodeRefs() {
  return the_code_refs.load(std::memory_order_acquire);
}

using GetCodeRefs = CodeRefs* (*)();
}  // namespace

JOBLIB_COPY_OF("code_refs", GetCodeRefs, joblib_copy_code_refs, OwnCodeRefs)

void SetCodeRefs(CodeRefs* refs) {
  the_code_refs.store(refs, std::memory_order_release);
}

CodeRefs& TheCodeRefs() {
  static const GetCodeRefs& first =
      FirstCopy("code_refs", joblib_copy_code_refs);
  CodeRefs* const refs = first();
  if (refs == nullptr) {
    throw PicklingError(
        "Could not pickle the task to send it to the workers: there are no "
        "worker processes on this platform. Use backend=\"threading\".");
  }
  return *refs;
}

}  // namespace joblib::internal
