// Parameters as JSON, for the bridge.
#ifndef JOBLIB_BACKENDS_CLUSTER_JSON_TEXT_H_
#define JOBLIB_BACKENDS_CLUSTER_JSON_TEXT_H_

#include <string>

#include "joblib/core/backend_params.h"

namespace joblib::internal {

// Throws std::invalid_argument for a delayed call and for a number that is no
// number.
std::string JsonText(const BackendParam& param);
std::string JsonText(const BackendParam::Map& entries);

}  // namespace joblib::internal

#endif  // JOBLIB_BACKENDS_CLUSTER_JSON_TEXT_H_
