// The version of this library, as public headers see it: joblib/version.h.
#ifndef JOBLIB_CORE_VERSION_H_
#define JOBLIB_CORE_VERSION_H_

#define JOBLIB_VERSION "0.1.0"

#endif  // JOBLIB_CORE_VERSION_H_
