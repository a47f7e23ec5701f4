// JOBLIB_VERSION: the version of this library, a string literal.
//
// All copies of it in one process, the program's and those of its libraries,
// share one configuration and one pool, and have to be of the same version: the
// first use of another one throws std::logic_error.
#ifndef JOBLIB_VERSION_H_
#define JOBLIB_VERSION_H_

#include "joblib/core/version.h"

#endif  // JOBLIB_VERSION_H_
