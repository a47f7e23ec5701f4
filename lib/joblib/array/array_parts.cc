#include "joblib/array/array_parts.h"

#include <cstdint>
#include <cstdlib>
#include <new>
#include <stdexcept>

#include "absl/strings/str_cat.h"
#include "joblib/core/thread_state.h"
#include "native/file_map.h"

namespace joblib::internal {
namespace {

struct HeapMemory final : ArrayMemory {
  HeapMemory(std::size_t n, bool zeros) {
    if (n > 0) {
      // calloc: pages that the system gives are zero, and come when used.
      data =
          static_cast<std::byte*>(zeros ? std::calloc(n, 1) : std::malloc(n));
      if (data == nullptr) throw std::bad_alloc();
    }
    bytes = n;
  }
  ~HeapMemory() override { std::free(data); }
};

struct SharedArrayMemory final : ArrayMemory {
  explicit SharedArrayMemory(native::FileMap taken) : map(std::move(taken)) {
    data = map.data();
    bytes = map.bytes();
    descriptor = map.fd();
  }
  native::FileMap map;
};

// Null: it is no such array, or there is no such memory now.
std::shared_ptr<ArrayMemory> MemoryToHandOver(std::size_t bytes, bool zeros) {
  const TaskContext* task = CurrentThread()->task;
  while (task != nullptr && !task->hands_over_above.has_value()) {
    task = task->outer;
  }
  if (task == nullptr || bytes <= *task->hands_over_above) return nullptr;
  return task->result_memory->Make(bytes, zeros);
}

}  // namespace

ArrayParts NewArray(std::vector<std::int64_t> shape, char order,
                    std::size_t item_bytes, NewMemory memory) {
  ArrayParts parts;
  parts.layout = std::make_shared<const ArrayLayout>(
      ArrayLayout::Contiguous(std::move(shape), order, item_bytes));
  const std::size_t bytes =
      static_cast<std::size_t>(parts.layout->size) * item_bytes;
  if (memory == NewMemory::kShared) {
    absl::StatusOr<native::FileMap> map = native::FileMap::Anonymous(bytes);
    if (!map.ok()) {
      throw std::runtime_error(absl::StrCat(
          "An array of ", bytes, " bytes of shared memory could not be made: ",
          map.status().message()));
    }
    parts.memory = std::make_shared<SharedArrayMemory>(*std::move(map));
  } else {
    const bool zeros = memory == NewMemory::kZeros;
    parts.memory = MemoryToHandOver(bytes, zeros);
    if (parts.memory == nullptr) {
      parts.memory = std::make_shared<HeapMemory>(bytes, zeros);
    }
  }
  parts.data = parts.memory->data;
  return parts;
}

ArrayParts SliceOf(const ArrayParts& array, std::int64_t begin,
                   std::int64_t end, std::int64_t step,
                   std::size_t item_bytes) {
  ArrayParts parts = array;
  std::int64_t offset = 0;
  parts.layout = std::make_shared<const ArrayLayout>(
      array.layout->Slice(begin, end, step, &offset));
  if (offset != 0) {
    parts.data += static_cast<std::size_t>(offset) * item_bytes;
  }
  return parts;
}

ArrayParts CopyOf(const ArrayParts& array, std::size_t item_bytes) {
  const ArrayLayout& layout = *array.layout;
  const char order = !layout.IsC() && layout.IsF() ? 'F' : 'C';
  ArrayParts parts = NewArray(layout.shape, order, item_bytes, NewMemory::kRaw);
  GatherElements(array.data, layout, item_bytes, order, parts.data);
  return parts;
}

void BeginWriting(ArrayMemory* memory) {
  if (memory == nullptr) return;
  if (!memory->writeable) {
    throw std::invalid_argument("assignment destination is read-only");
  }
  memory->writes.fetch_add(1, std::memory_order_relaxed);
}

void ThrowNotContiguous(const ArrayLayout& layout) {
  throw std::invalid_argument(absl::StrCat(
      "The elements of this view, of shape ", ShapeText(layout.shape),
      ", do not lie in a row: use operator(), or span() of its copy()."));
}

void ThrowOtherSize(std::size_t values, const ArrayLayout& layout) {
  throw std::invalid_argument(absl::StrCat("cannot reshape array of size ",
                                           values, " into shape ",
                                           ShapeText(layout.shape)));
}

const std::string& EmptyText() {
  static const auto* const kEmpty = new std::string;
  return *kEmpty;
}

}  // namespace joblib::internal
