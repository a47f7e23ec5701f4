// What Batch::run_bytes() needs of the process that calls it, and what more it
// can do for a worker of ours.
#ifndef JOBLIB_CORE_BATCH_BYTES_H_
#define JOBLIB_CORE_BATCH_BYTES_H_

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>

#include "joblib/core/config.h"

namespace joblib {
class Batch;
}
namespace joblib::internal {

class ByteWriter;
class SharedValues;

// The configuration of tasks at a nesting level. Without one: the default.
using ShippedTaskConfig = ConfigRef (*)(int nesting_level);
void SetShippedTaskConfig(ShippedTaskConfig task_config);
// What TaskFailure::worker_pid() tells. Without one: 0.
using ShippedProcessId = std::int64_t (*)();
void SetShippedProcessId(ShippedProcessId process_id);

// As Batch::bytes(), into `out`, whose sink may keep values for many batches.
void EncodeBatch(const Batch& batch, ByteWriter& out);

// As Batch::run_bytes(). `begins`, if any, is called before each task, with its
// place in the batch. `shared`, if any, has the values that the sink has kept.
// With a `task_timeout` (not 0) the tasks can ask whether theirs is over; it is
// whoever called that has to end them.
std::string RunBatchBytes(const std::string& bytes,
                          const std::function<void(std::uint32_t)>& begins,
                          std::chrono::nanoseconds task_timeout,
                          SharedValues* shared = nullptr);

}  // namespace joblib::internal

#endif  // JOBLIB_CORE_BATCH_BYTES_H_
