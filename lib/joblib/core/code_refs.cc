#include "joblib/core/code_refs.h"

#include <atomic>

#include "joblib/core/errors.h"

namespace joblib::internal {
namespace {
std::atomic<CodeRefs*> the_code_refs{nullptr};
}  // namespace

void SetCodeRefs(CodeRefs* refs) {
  the_code_refs.store(refs, std::memory_order_release);
}

CodeRefs& TheCodeRefs() {
  CodeRefs* const refs = the_code_refs.load(std::memory_order_acquire);
  if (refs == nullptr) {
    throw PicklingError(
        "Could not pickle the task to send it to the workers: there are no "
        "worker processes on this platform. Use backend=\"threading\".");
  }
  return *refs;
}

}  // namespace joblib::internal
