// What can travel to another process.
//
// A function can if it is a function pointer, a captureless lambda or another
// object without a state, an object with a cereal serialize member, or a
// closure in wrap_non_picklable_objects. An argument or a result can if cereal
// can serialize it: numbers, enumerations, the standard containers, strings,
// pairs, tuples, optionals, variants and smart pointers of what can, and
// classes like this one:
//
//   struct Point {
//     double x = 0, y = 0;
//     template <class Archive>
//     void serialize(Archive& archive) { archive(x, y); }
//   };
//
// A value is made by its default constructor and then read. A `const char*`
// argument travels as its text; any other pointer, and std::ref, can't. A
// trivially copyable class without pointers may travel by its bytes:
//
//   template <>
//   inline constexpr bool joblib::ship_by_bytes<Pixel> = true;
//
// What can't travel runs on threads all the same; on worker processes the call
// throws PicklingError, which says what it is.
#ifndef JOBLIB_SHIPPABLE_H_
#define JOBLIB_SHIPPABLE_H_

#include "joblib/core/exception_codec.h"
#include "joblib/core/plain_value.h"  // IWYU pragma: export
#include "joblib/delayed.h"
#include "joblib/parallel/shipped_call.h"

namespace joblib {

// Whether a delayed call can go to another process, at compile time.
template <class Call>
concept Shippable = internal::kShipsCall<Call>;

// Lets exceptions of type E, thrown in a worker process, reach the caller as
// themselves. At namespace scope, because workers don't run main:
//   const bool registered = joblib::register_exception<OutOfStock>();
// A static library's object file of which nothing else is used is dropped by
// the linker, and the registration with it.
template <class E>
bool register_exception() {
  internal::RegisterException<E>();
  return true;
}

}  // namespace joblib

#endif  // JOBLIB_SHIPPABLE_H_
