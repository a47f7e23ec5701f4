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
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "joblib/core/shared_slot.h"

namespace joblib::internal {

// How large arrays reach worker processes.
struct ArrayMapping {
  std::optional<std::int64_t> max_nbytes;  // Unset: by value.
  std::string mmap_mode;                   // Empty: by value.
  std::string temp_folder;                 // Empty: joblib's order.
};

// The elements of one array, of memory that others may share.
struct ArrayPiece {
  std::vector<std::int64_t> key;  // Where they lie in it.
  std::uint64_t bytes = 0;
  // Where they lie in a row already; else null.
  const std::byte* row = nullptr;
  std::function<void(std::byte*)> write;  // All of them, in a row.
};

// How another process finds it. 0: not at all, it travels by value.
struct ArrayRef {
  std::uint64_t number = 0;
  bool is_piece = false;  // The elements alone, in a row; else all memory.
};

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
  // In a worker's task: by which the process that it works for can map the
  // same, once nobody holds it here; -1: none. Ours.
  int result_descriptor = -1;
  // How often it was asked for writing.
  std::atomic<std::uint64_t> writes{0};
  // By which the process that sent it knows it; 0: it does not.
  std::uint64_t known_as = 0;
  // A copy that other processes know.
  SharedSlot slot;
};

// In a worker's task: where arrays are made that it can hand over.
class ResultMemorySource {
 public:
  virtual ~ResultMemorySource() = default;
  // With a result_descriptor. Zeros, or of any value. Null: there is none now.
  virtual std::shared_ptr<ArrayMemory> Make(std::size_t bytes, bool zeros) = 0;
};

}  // namespace joblib::internal

#endif  // JOBLIB_CORE_ARRAY_MEMORY_H_
