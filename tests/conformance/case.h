// Case: one observation of joblib, from a table in tables/.

#ifndef JOBLIB_TESTS_CONFORMANCE_CASE_H_
#define JOBLIB_TESTS_CONFORMANCE_CASE_H_

#include <string>
#include <string_view>

#include "tests/conformance/json.h"

namespace joblib::conformance {

struct Case {
  std::string id;
  Json env;      // Variables of the process; an object.
  Json machine;  // The machine to pretend; null: any.
  Json scenario;
  // What to expect of us: joblib's answer, but for `documented` and departures.
  Json expect;
  // What joblib documents where that is not what it does, else null. An object
  // stands in `expect` as well; a text waits for a departure that spells it
  // out.
  Json documented;
};

// The value that the innermost scope of a scenario that sets an option gives
// it; null: none does.
inline Json InnermostScopeOption(const Json& scenario, std::string_view key) {
  Json innermost;
  for (const Json& scope : scenario["scopes"].items()) {
    const Json* value = scope["options"].Find(key);
    if (value != nullptr) innermost = *value;
    // n_jobs is -1 unless it is given.
    const Json* kind = scope.Find("kind");
    if (value == nullptr && key == "n_jobs" && kind != nullptr &&
        kind->text() == "parallel_backend") {
      innermost = Json::Integer(-1);
    }
  }
  return innermost;
}

}  // namespace joblib::conformance

#endif  // JOBLIB_TESTS_CONFORMANCE_CASE_H_
