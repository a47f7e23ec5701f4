// TypedKeptCall's functions: a delayed call that is a parameter, as bytes.
#ifndef JOBLIB_PARALLEL_KEPT_CALL_H_
#define JOBLIB_PARALLEL_KEPT_CALL_H_

#include "joblib/core/backend_params.h"
#include "joblib/core/byte_writer.h"
#include "joblib/parallel/shipped_call.h"

namespace joblib::internal {

template <class Call>
const ShippedRunner& TypedKeptCall<Call>::Runner() const {
  if constexpr (kShipsCall<Call>) {
    return kShippedRunner<Call>;
  } else {
    CallCodec<Call>::ThrowCantShip();
  }
}

template <class Call>
void TypedKeptCall<Call>::Encode([[maybe_unused]] ByteWriter& out) const {
  if constexpr (kShipsCall<Call>) {
    EncodeCall(call_, out);
  } else {
    CallCodec<Call>::ThrowCantShip();
  }
}

}  // namespace joblib::internal

#endif  // JOBLIB_PARALLEL_KEPT_CALL_H_
