// The public door to joblib/core/warning.h.
#ifndef JOBLIB_WARNINGS_H_
#define JOBLIB_WARNINGS_H_

#include "joblib/core/warning.h"  // IWYU pragma: export

#endif  // JOBLIB_WARNINGS_H_
