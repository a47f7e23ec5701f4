// Case: one observation of joblib, from a table in tables/.

#ifndef JOBLIB_TESTS_CONFORMANCE_CASE_H_
#define JOBLIB_TESTS_CONFORMANCE_CASE_H_

#include <string>

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

}  // namespace joblib::conformance

#endif  // JOBLIB_TESTS_CONFORMANCE_CASE_H_
