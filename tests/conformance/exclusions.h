// The cases of the tables that are not replayed: the one list, by rule.

#ifndef JOBLIB_TESTS_CONFORMANCE_EXCLUSIONS_H_
#define JOBLIB_TESTS_CONFORMANCE_EXCLUSIONS_H_

#include <string_view>

#include "absl/types/span.h"
#include "tests/conformance/case.h"
#include "tests/conformance/target.h"

namespace joblib::conformance {

struct Exclusion {
  enum class Why {
    kNotBuiltYet,    // The replay tries each case, and fails once all pass.
    kPythonOnly,     // Never tried.
    kNoSuchMachine,  // Never tried: the target lacks what the case needs.
  };

  std::string_view table;   // "resolve.json"
  std::string_view name;    // Of the group, for the test that tries it.
  std::string_view reason;  // One sentence.
  Why why;
  bool (*applies)(const Case&, Target);
  // A second table that it applies to, whether it has such cases or not.
  std::string_view also = {};
};

absl::Span<const Exclusion> Exclusions();

}  // namespace joblib::conformance

#endif  // JOBLIB_TESTS_CONFORMANCE_EXCLUSIONS_H_
