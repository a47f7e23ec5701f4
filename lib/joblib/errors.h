// The public door to joblib/core/errors.h.
#ifndef JOBLIB_ERRORS_H_
#define JOBLIB_ERRORS_H_

#include "joblib/core/errors.h"  // IWYU pragma: export

#endif  // JOBLIB_ERRORS_H_
