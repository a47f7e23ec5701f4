#include "joblib/array/array_value.h"

#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "joblib/array/element_type.h"
#include "joblib/core/array_memory.h"

namespace joblib::internal {
namespace {

constexpr char kReference = 'R';
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

// False: the elements have to be written.
bool PutReference(ByteWriter& out, const ArrayParts& array, char order,
                  std::size_t item_bytes) {
  const ArrayLayout& layout = *array.layout;
  ArrayPiece piece;
  piece.bytes = static_cast<std::uint64_t>(layout.size) * item_bytes;
  piece.key = {array.data - array.memory->data, order,
               static_cast<std::int64_t>(item_bytes)};
  piece.key.insert(piece.key.end(), layout.shape.begin(), layout.shape.end());
  piece.key.insert(piece.key.end(), layout.strides.begin(),
                   layout.strides.end());
  if (order == 'F' ? layout.IsF() : layout.IsC()) piece.row = array.data;
  piece.write = [&](std::byte* into) {
    GatherElements(array.data, layout, item_bytes, order, into);
  };
  ArrayRef ref;
  if (!out.sink()->ShareArray(array.memory, piece, &ref)) return false;
  out.Put(static_cast<std::uint8_t>(kReference));
  out.Put(ref.number);
  if (ref.is_piece) {
    out.Put(std::uint64_t{0});
    PutShape(out, layout.shape);
    PutShape(out,
             ArrayLayout::Contiguous(layout.shape, order, item_bytes).strides);
  } else {
    out.Put(static_cast<std::uint64_t>(array.data - array.memory->data));
    PutShape(out, layout.shape);
    PutShape(out, layout.strides);
  }
  return true;
}

}  // namespace

void PutArray(ByteWriter& out, const ArrayParts& array,
              std::size_t item_bytes) {
  const ArrayLayout& layout = *array.layout;
  // What is in F order stays in it: its elements as they are.
  const bool is_f = !layout.IsC() && layout.IsF();
  if (layout.size > 0 &&
      PutReference(out, array, is_f ? 'F' : 'C', item_bytes)) {
    return;
  }
  out.Put(static_cast<std::uint8_t>(is_f ? 'F' : 'C'));
  PutShape(out, layout.shape);
  std::vector<std::byte> room;
  PutElements(out, is_f ? layout.Transposed() : layout, array.data, item_bytes,
              room);
}

// How large an array of that shape is.
std::int64_t SizeOf(const std::vector<std::int64_t>& shape, char order,
                    std::size_t item_bytes) {
  try {
    return ArrayLayout::Contiguous(shape, order, item_bytes).size;
  } catch (const std::invalid_argument& error) {
    throw DecodeError(absl::StrCat("joblib: ", error.what()));
  }
}

// Elements that lie in memory which is mapped here.
ArrayParts GetReference(ByteReader& in, const ElementInfo& element) {
  const auto number = in.Get<std::uint64_t>();
  const auto offset = in.Get<std::uint64_t>();
  ArrayLayout layout;
  layout.shape = GetShape(in);
  layout.strides = GetShape(in);
  layout.size = SizeOf(layout.shape, 'C', element.bytes);
  if (in.shared() == nullptr) {
    throw DecodeError("joblib: there are no shared arrays here.");
  }
  ArrayParts parts;
  parts.memory = in.shared()->FindArray(number);
  const std::size_t bytes = parts.memory->bytes;
  bool good = layout.strides.size() == layout.shape.size() && layout.size > 0 &&
              offset % element.alignment == 0 && offset < bytes;
  const auto most =
      good ? static_cast<std::int64_t>((bytes - offset) / element.bytes) : 0;
  std::int64_t last = 0;  // The element with the highest address.
  for (std::size_t axis = 0; good && axis < layout.shape.size(); ++axis) {
    const std::int64_t steps = layout.shape[axis] - 1;
    const std::int64_t stride = layout.strides[axis];
    good = stride >= 0 && (steps == 0 || stride <= most / steps);
    if (!good) break;
    last += steps * (steps == 0 ? 0 : stride);
    good = last < most;
  }
  if (!good || last >= most) {
    throw DecodeError(absl::StrCat("joblib: an array of shape ",
                                   ShapeText(layout.shape),
                                   " that does not lie within its memory."));
  }
  parts.data = parts.memory->data + offset;
  parts.layout = std::make_shared<const ArrayLayout>(std::move(layout));
  return parts;
}

ArrayParts GetArray(ByteReader& in, const ElementInfo& element) {
  const auto order = static_cast<char>(in.Get<std::uint8_t>());
  if (order == kReference) return GetReference(in, element);
  std::vector<std::int64_t> shape = GetShape(in);
  const std::int64_t size = SizeOf(shape, order, element.bytes);
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
