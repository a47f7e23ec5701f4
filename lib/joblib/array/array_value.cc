#include "joblib/array/array_value.h"

#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "joblib/array/element_type.h"
#include "joblib/core/errors.h"

namespace joblib::internal {
namespace {

constexpr std::size_t kGatherBytes = std::size_t{1} << 16;

void PutShape(ByteWriter& out, const std::vector<std::int64_t>& shape) {
  out.Put(static_cast<std::uint64_t>(shape.size()));
  for (const std::int64_t extent : shape) out.Put(extent);
}

std::vector<std::int64_t> GetShape(ByteReader& in) {
  std::vector<std::int64_t> shape(in.GetCount(sizeof(std::int64_t)));
  for (std::int64_t& extent : shape) extent = in.Get<std::int64_t>();
  return shape;
}

// In C order, some rows at a time: no second copy of a large one.
void PutElements(ByteWriter& out, const ArrayLayout& layout,
                 const std::byte* data, std::size_t item_bytes,
                 std::vector<std::byte>& room) {
  const std::size_t bytes = static_cast<std::size_t>(layout.size) * item_bytes;
  if (layout.IsC()) {
    out.Write(data, bytes);
  } else if (bytes <= kGatherBytes || layout.shape.empty()) {
    room.resize(bytes);
    GatherElements(data, layout, item_bytes, 'C', room.data());
    out.Write(room.data(), bytes);
  } else if (layout.shape[0] == 1) {
    ArrayLayout inner = layout;
    inner.shape.erase(inner.shape.begin());
    inner.strides.erase(inner.strides.begin());
    PutElements(out, inner, data, item_bytes, room);
  } else {
    const std::int64_t n = layout.shape[0];
    for (const auto& [begin, end] :
         {std::pair(std::int64_t{0}, n / 2), std::pair(n / 2, n)}) {
      std::int64_t offset = 0;
      const ArrayLayout half = layout.Slice(begin, end, 1, &offset);
      PutElements(out, half,
                  data + static_cast<std::size_t>(offset) * item_bytes,
                  item_bytes, room);
    }
  }
}

}  // namespace

void PutArray(ByteWriter& out, const ArrayParts& array,
              std::size_t item_bytes) {
  if (array.memory != nullptr && array.memory->descriptor >= 0) {
    throw PicklingError(
        "A joblib::Array that maps a file or is in shared memory can't go to a "
        "worker process yet: pass array.copy(), or use backend=\"threading\".");
  }
  const ArrayLayout& layout = *array.layout;
  // What is in F order stays in it: its elements as they are.
  const bool is_f = !layout.IsC() && layout.IsF();
  out.Put(static_cast<std::uint8_t>(is_f ? 'F' : 'C'));
  PutShape(out, layout.shape);
  std::vector<std::byte> room;
  PutElements(out, is_f ? layout.Transposed() : layout, array.data, item_bytes,
              room);
}

ArrayParts GetArray(ByteReader& in, const ElementInfo& element) {
  const auto order = static_cast<char>(in.Get<std::uint8_t>());
  std::vector<std::int64_t> shape = GetShape(in);
  std::int64_t size = 0;
  try {
    size = ArrayLayout::Contiguous(shape, order, element.bytes).size;
  } catch (const std::invalid_argument& error) {
    throw DecodeError(absl::StrCat("joblib: ", error.what()));
  }
  const auto bytes = static_cast<std::size_t>(size) * element.bytes;
  if (bytes > in.left()) {
    throw DecodeError(absl::StrCat("joblib: an array of shape ",
                                   ShapeText(shape), " is announced, but only ",
                                   in.left(), " bytes are left."));
  }
  ArrayParts parts =
      NewArray(std::move(shape), order, element.bytes, NewMemory::kRaw);
  in.Read(parts.data, bytes);
  if (std::strstr(element.descr, "b1") != nullptr) {
    ElementType::OfType(element.descr, element.bytes)
        .FixBools(parts.data, static_cast<std::size_t>(size));
  }
  return parts;
}

}  // namespace joblib::internal
