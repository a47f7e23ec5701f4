// What Batch::run_bytes() needs of the process that calls it.
#ifndef JOBLIB_CORE_BATCH_BYTES_H_
#define JOBLIB_CORE_BATCH_BYTES_H_

#include "joblib/core/config.h"

namespace joblib::internal {

// The configuration of tasks at a nesting level. Without one: the default.
using ShippedTaskConfig = ConfigRef (*)(int nesting_level);
void SetShippedTaskConfig(ShippedTaskConfig task_config);

}  // namespace joblib::internal

#endif  // JOBLIB_CORE_BATCH_BYTES_H_
