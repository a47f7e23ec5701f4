// Shipment: a batch on its way to a worker, task by task in order.
#ifndef JOBLIB_BACKENDS_PROCESS_SHIPMENT_H_
#define JOBLIB_BACKENDS_PROCESS_SHIPMENT_H_

#include <cstdint>

#include "joblib/core/batch_state.h"

namespace joblib::internal {

struct Shipment {
  Batch batch;
  BatchState* state = nullptr;
  std::uint32_t next = 0;  // The task to be sent next.
  std::uint32_t done = 0;  // Those before it have ended.
  std::uint32_t end = 0;
  bool begun = false;       // BeginShipped was called.
  bool by_pointer = false;  // Its worker is a fork() that has it already.
  bool failed = false;      // ShippedTaskFailed aborted the call.

  std::int64_t TaskNumber(std::uint32_t index) const {
    return state->block->first + index;
  }
};

}  // namespace joblib::internal

#endif  // JOBLIB_BACKENDS_PROCESS_SHIPMENT_H_
