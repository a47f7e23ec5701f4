// Departures (departures.h) of the tables whose cases run tasks.

#ifndef JOBLIB_TESTS_CONFORMANCE_CALL_DEPARTURES_H_
#define JOBLIB_TESTS_CONFORMANCE_CALL_DEPARTURES_H_

#include <optional>

#include "tests/conformance/case.h"
#include "tests/conformance/json.h"
#include "tests/conformance/target.h"

namespace joblib::conformance {

// nesting.json
std::optional<Json> TheCallerTakesPart(const Case& c, Target target);

// dispatch.json
std::optional<Json> RefusesToReadNothing(const Case& c, Target target);

// errors.json
std::optional<Json> WaitsForRunningTasks(const Case& c, Target target);
std::optional<Json> TellsOfDeathsInOwnWords(const Case& c, Target target);
std::optional<Json> ADeadForkIsAnError(const Case& c, Target target);
std::optional<Json> ForksTakeAnyArgument(const Case& c, Target target);
std::optional<Json> ResultsThatCannotTravel(const Case& c, Target target);
std::optional<Json> UnknownErrorsAreRemote(const Case& c, Target target);

// lifecycle.json
std::optional<Json> KeepsWorkers(const Case& c, Target target);

}  // namespace joblib::conformance

#endif  // JOBLIB_TESTS_CONFORMANCE_CALL_DEPARTURES_H_
