// The public door to joblib/parallel/progress.h.
#ifndef JOBLIB_PROGRESS_H_
#define JOBLIB_PROGRESS_H_

#include "joblib/parallel/progress.h"  // IWYU pragma: export

#endif  // JOBLIB_PROGRESS_H_
