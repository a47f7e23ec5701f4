// ArrayMemory: the memory that the handles of an array and of its views share.
//
// What a backend needs to know of it to hand it to another process is here;
// array/ makes the kinds.
//
// Thread-safety: `writes` from any thread, `slot` by its lock; the rest never
// changes. The elements: like a plain array.
#ifndef JOBLIB_CORE_ARRAY_MEMORY_H_
#define JOBLIB_CORE_ARRAY_MEMORY_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>

#include "joblib/core/shared_slot.h"

namespace joblib::internal {

struct ArrayMemory {
  ArrayMemory() = default;
  ArrayMemory(const ArrayMemory&) = delete;
  virtual ~ArrayMemory() = default;

  std::byte* data = nullptr;  // Null if there are no bytes.
  std::size_t bytes = 0;
  bool writeable = true;
  // Of a file that is mapped; else empty. "r", "r+" or "c".
  std::string mmap_mode;
  std::string filename;
  std::uint64_t offset = 0;  // Of `data`, in the file or shared memory.
  // By which another process can map the same; -1: none. Ours.
  int descriptor = -1;
  // How often it was asked for writing.
  std::atomic<std::uint64_t> writes{0};
  // A copy that other processes know.
  SharedSlot slot;
};

}  // namespace joblib::internal

#endif  // JOBLIB_CORE_ARRAY_MEMORY_H_
