// SharedMemoryValue: a value of joblib::Shared as sealed memory, which each
// worker that needs it gets once.
//
// Thread-safety: all functions.
#ifndef JOBLIB_BACKENDS_PROCESS_SHARED_MEMORY_VALUE_H_
#define JOBLIB_BACKENDS_PROCESS_SHARED_MEMORY_VALUE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "joblib/core/byte_writer.h"
#include "joblib/core/shared_slot.h"
#include "native/shared_memory.h"

namespace joblib::internal {

struct SharedMemoryValue {
  std::uint64_t number = 0;
  std::uint64_t bytes = 0;
  native::SharedMemory memory;
  // Values within it: a worker that gets it needs them, too.
  std::vector<std::shared_ptr<SharedMemoryValue>> inner;
  ~SharedMemoryValue();  // From here on its number is in DeadNumbers.

  // The one in `slot`, made at the first question. Throws what `encode` throws,
  // or std::system_error without memory.
  static std::shared_ptr<SharedMemoryValue> Of(
      SharedSlot& slot, const std::function<void(ByteWriter&)>& encode,
      const std::function<
          std::uint64_t(const std::shared_ptr<SharedSlot>&,
                        const std::function<void(ByteWriter&)>&)>& share);
};

// Numbers by which other processes know values and arrays.
std::uint64_t NewSharedNumber();
void EndSharedNumber(std::uint64_t number);
// How many have ended so far.
std::size_t CountDeadNumbers();
// The numbers of values that ended since there were `*seen` of them; *seen is
// then how many there are.
std::vector<std::uint64_t> DeadNumbersSince(std::size_t* seen);

}  // namespace joblib::internal

#endif  // JOBLIB_BACKENDS_PROCESS_SHARED_MEMORY_VALUE_H_
