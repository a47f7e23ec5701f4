#include "joblib/core/code_refs.h"

#include <atomic>
#include <stdexcept>

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
    throw std::logic_error(
        "joblib: functions have no addresses that another process could use in "
        "this build: there are no worker processes here.");
  }
  return *refs;
}

}  // namespace joblib::internal
