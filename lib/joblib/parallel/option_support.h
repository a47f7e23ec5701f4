// Which option which backend can't honour: the one table that the warnings and
// the documentation come from.
#ifndef JOBLIB_PARALLEL_OPTION_SUPPORT_H_
#define JOBLIB_PARALLEL_OPTION_SUPPORT_H_

#include "joblib/core/parallel_backend_base.h"
#include "joblib/parallel_options.h"

namespace joblib::internal {

// Warns of options of `options` that `backend` can't honour.
void WarnOfUnhonoured(const ParallelOptions& options,
                      const ParallelBackendBase& backend);

// Warns of parameters that a built-in backend doesn't know, with those it does.
void WarnOfUnknownParams(const BackendParams& params,
                         const ParallelBackendBase& backend);

}  // namespace joblib::internal

#endif  // JOBLIB_PARALLEL_OPTION_SUPPORT_H_
