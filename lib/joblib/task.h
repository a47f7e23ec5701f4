// The public door to joblib/core/task.h.
#ifndef JOBLIB_TASK_H_
#define JOBLIB_TASK_H_

#include "joblib/core/task.h"  // IWYU pragma: export

#endif  // JOBLIB_TASK_H_
