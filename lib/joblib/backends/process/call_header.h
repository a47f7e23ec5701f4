// CallHeader: the first frame of a call on a worker: what its tasks have in
// common.
#ifndef JOBLIB_BACKENDS_PROCESS_CALL_HEADER_H_
#define JOBLIB_BACKENDS_PROCESS_CALL_HEADER_H_

#include <cstdint>

#include "joblib/core/code_refs.h"
#include "native/float_environment.h"

namespace joblib::internal {

class TaskBlock;

struct CallHeader {
  CodeRef runner;             // A ShippedRunner.
  std::int64_t task_timeout;  // ns; 0: none.
  std::int32_t worker_index;
  std::int32_t nesting_level;  // Of the tasks.
  std::int32_t is_traced;      // Replies bring TaskTimes.
  // Arrays of results with more bytes are handed over by descriptor; -1: none.
  std::int64_t hands_over_above;
  native::FloatEnvironment float_environment;  // The caller's.
};

// A task of a forked worker, which has it in its copy of the memory.
struct ForkedTask {
  TaskBlock* block;
  std::uint32_t index;
};

// The request that loads a shared object; then come its path and its version.
struct ModuleHeader {
  std::uint64_t id;
};

// The request that announces a value for many tasks.
struct SharedHeader {
  std::uint64_t number, bytes;
};

enum class ArrayMode : std::uint8_t {
  kShared,  // Anonymous memory: no map of a file.
  kRead,
  kReadWrite,
  kCopyOnWrite,
};
// The request that announces the memory of an array; then comes its filename.
struct ArrayHeader {
  std::uint64_t number;
  std::uint64_t offset, bytes;  // In the file.
  ArrayMode mode;
  std::uint8_t is_copy;  // Made for the workers alone.
};

}  // namespace joblib::internal

#endif  // JOBLIB_BACKENDS_PROCESS_CALL_HEADER_H_
