// The arithmetic of the pre_dispatch option.
//
//   EvaluatePreDispatch("1.5 * n_jobs", 3)  // 4

#ifndef JOBLIB_CORE_PRE_DISPATCH_H_
#define JOBLIB_CORE_PRE_DISPATCH_H_

#include <cstdint>
#include <string_view>

#include "absl/status/statusor.h"

namespace joblib::internal {

// The number of tasks that `expression` stands for, rounded toward zero; it may
// be negative. The expression is Python's: numbers, n_jobs, parentheses,
// - + * / // % ** and the unary -; nothing else is ever evaluated. "all" is the
// caller's business.
//
// Errors: INVALID_ARGUMENT, with joblib's text and the way out: no such
// expression, one of more than 30 characters once n_jobs is replaced by its
// number, or one with a value above 10**6 on the way.
absl::StatusOr<std::int64_t> EvaluatePreDispatch(std::string_view expression,
                                                 int n_jobs);

}  // namespace joblib::internal

#endif  // JOBLIB_CORE_PRE_DISPATCH_H_
