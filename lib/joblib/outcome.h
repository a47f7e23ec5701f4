// The public door to joblib/core/outcome.h.
#ifndef JOBLIB_OUTCOME_H_
#define JOBLIB_OUTCOME_H_

#include "joblib/core/outcome.h"  // IWYU pragma: export

#endif  // JOBLIB_OUTCOME_H_
