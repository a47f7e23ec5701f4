// What can travel to another process.
#ifndef JOBLIB_SHIPPABLE_H_
#define JOBLIB_SHIPPABLE_H_

#include "joblib/delayed.h"

namespace joblib {

// Whether a delayed call can go to another process, at compile time.
template <class Call>
concept Shippable = internal::kDelayed<Call>;

// Lets exceptions of type E, thrown in a worker process, reach the caller as
// themselves. At namespace scope, because workers don't run main:
//   const bool registered = joblib::register_exception<OutOfStock>();
// A static library's object file of which nothing else is used is dropped by
// the linker, and the registration with it.
template <class E>
bool register_exception() {
  return true;
}

}  // namespace joblib

#endif  // JOBLIB_SHIPPABLE_H_
