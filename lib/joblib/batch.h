// The public door to joblib/core/batch.h.
#ifndef JOBLIB_BATCH_H_
#define JOBLIB_BATCH_H_

#include "joblib/core/batch.h"  // IWYU pragma: export

#endif  // JOBLIB_BATCH_H_
