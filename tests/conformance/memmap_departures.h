// Departures (departures.h) of memmap.json.

#ifndef JOBLIB_TESTS_CONFORMANCE_MEMMAP_DEPARTURES_H_
#define JOBLIB_TESTS_CONFORMANCE_MEMMAP_DEPARTURES_H_

#include <optional>

#include "tests/conformance/case.h"
#include "tests/conformance/json.h"
#include "tests/conformance/target.h"

namespace joblib::conformance {

std::optional<Json> FilesHaveNoNames(const Case& c, Target target);
std::optional<Json> OneCopyForAllCalls(const Case& c, Target target);
std::optional<Json> ViewsOfMapsAreMaps(const Case& c, Target target);
std::optional<Json> ResultsAreWriteable(const Case& c, Target target);
std::optional<Json> ModesMeanWhatTheySay(const Case& c, Target target);

}  // namespace joblib::conformance

#endif  // JOBLIB_TESTS_CONFORMANCE_MEMMAP_DEPARTURES_H_
