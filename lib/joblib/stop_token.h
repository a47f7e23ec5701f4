// The public door to joblib/core/stop_token.h.
#ifndef JOBLIB_STOP_TOKEN_H_
#define JOBLIB_STOP_TOKEN_H_

#include "joblib/core/stop_token.h"  // IWYU pragma: export

#endif  // JOBLIB_STOP_TOKEN_H_
