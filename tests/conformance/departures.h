// Where we decide otherwise than joblib: the one list, by rule, each with our
// own expectation, which is tested in place of joblib's.

#ifndef JOBLIB_TESTS_CONFORMANCE_DEPARTURES_H_
#define JOBLIB_TESTS_CONFORMANCE_DEPARTURES_H_

#include <optional>
#include <string_view>

#include "absl/types/span.h"
#include "tests/conformance/case.h"
#include "tests/conformance/target.h"

namespace joblib::conformance {

struct Departure {
  std::string_view table;     // "resolve.json"
  std::string_view decision;  // "DESIGN 8.10"
  std::string_view reason;    // One sentence.
  // What to expect instead of case.expect; unset where the rule does not apply.
  std::optional<Json> (*expect)(const Case&, Target);
  // A second table that it applies to, whether it has such cases or not.
  std::string_view also = {};
};

// Applied in order, each to what the one before left.
absl::Span<const Departure> Departures();

}  // namespace joblib::conformance

#endif  // JOBLIB_TESTS_CONFORMANCE_DEPARTURES_H_
