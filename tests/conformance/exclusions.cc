#include "tests/conformance/exclusions.h"

namespace joblib::conformance {

absl::Span<const Exclusion> Exclusions() {
  // functions.json: none. Add groups by table, in the order of the replay
  // tests: static constexpr Exclusion kExclusions[] = {{...}, ...};
  return {};
}

}  // namespace joblib::conformance
