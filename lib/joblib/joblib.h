// joblib for C++: everything. Each concept has a header of its own, too.
#ifndef JOBLIB_JOBLIB_H_
#define JOBLIB_JOBLIB_H_

#ifndef __cpp_rtti
#error "joblib needs run-time type information: compile without -fno-rtti"
#endif

#include "joblib/array.h"            // IWYU pragma: export
#include "joblib/backend.h"          // IWYU pragma: export
#include "joblib/batch.h"            // IWYU pragma: export
#include "joblib/cpu_count.h"        // IWYU pragma: export
#include "joblib/dask.h"             // IWYU pragma: export
#include "joblib/delayed.h"          // IWYU pragma: export
#include "joblib/each.h"             // IWYU pragma: export
#include "joblib/errors.h"           // IWYU pragma: export
#include "joblib/outcome.h"          // IWYU pragma: export
#include "joblib/parallel.h"         // IWYU pragma: export
#include "joblib/parallel_config.h"  // IWYU pragma: export
#include "joblib/progress.h"         // IWYU pragma: export
#include "joblib/shared.h"           // IWYU pragma: export
#include "joblib/shippable.h"        // IWYU pragma: export
#include "joblib/stop_token.h"       // IWYU pragma: export
#include "joblib/task.h"             // IWYU pragma: export
#include "joblib/version.h"
#include "joblib/warnings.h"         // IWYU pragma: export

#endif  // JOBLIB_JOBLIB_H_
