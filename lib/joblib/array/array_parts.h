// ArrayParts: an array whose element type is known by its size alone: what
// Array<T> is made of, and the functions behind it.
//
// Thread-safety: values. Errors: joblib/array.h says them, function by
// function.
#ifndef JOBLIB_ARRAY_ARRAY_PARTS_H_
#define JOBLIB_ARRAY_ARRAY_PARTS_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "joblib/array/layout.h"
#include "joblib/core/array_memory.h"
#include "joblib/core/setting.h"

namespace joblib::internal {

struct ArrayParts {
  std::shared_ptr<ArrayMemory> memory;  // Null: no elements.
  std::byte* data = nullptr;            // The first element.
  std::shared_ptr<const ArrayLayout> layout = EmptyLayout();
};

// Makes arrays of parts: for headers beside array.h that it does not include.
struct ArrayAccess {
  template <class Array>
  static Array Make(ArrayParts parts) {
    return Array(std::move(parts));
  }
};

// A C++ type as these functions need it.
struct ElementInfo {
  const char* descr;
  std::size_t bytes;
  std::size_t alignment;
  const char* name;  // typeid's.
};

enum class NewMemory { kRaw, kZeros, kShared };
ArrayParts NewArray(std::vector<std::int64_t> shape, char order,
                    std::size_t item_bytes, NewMemory memory);

ArrayParts LoadArray(const std::string& path, const MmapMode& mode,
                     const ElementInfo& element);
void DumpArray(const ArrayParts& array, const std::string& path,
               const ElementInfo& element);
// shape: null: what the file holds, along one axis.
ArrayParts MapFile(const std::string& path, const MmapMode& mode,
                   const std::vector<std::int64_t>* shape, std::int64_t offset,
                   char order, const ElementInfo& element);

// A view of the same memory.
ArrayParts SliceOf(const ArrayParts& array, std::int64_t begin,
                   std::int64_t end, std::int64_t step, std::size_t item_bytes);
// In private memory of its own, in C order or, if it is in that, in F order.
ArrayParts CopyOf(const ArrayParts& array, std::size_t item_bytes);

// Counts a use for writing. Throws std::invalid_argument with numpy's words
// where that is not allowed.
void BeginWriting(ArrayMemory* memory);
[[noreturn]] void ThrowNotContiguous(const ArrayLayout& layout);
[[noreturn]] void ThrowOtherSize(std::size_t values, const ArrayLayout& layout);
const std::string& EmptyText();

// Memory that a std::vector keeps.
template <class T>
struct VectorMemory final : ArrayMemory {
  explicit VectorMemory(std::vector<T> taken) : values(std::move(taken)) {
    data = reinterpret_cast<std::byte*>(values.data());
    bytes = values.size() * sizeof(T);
  }
  std::vector<T> values;
};

}  // namespace joblib::internal

#endif  // JOBLIB_ARRAY_ARRAY_PARTS_H_
