#include "joblib/array/layout.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <stdexcept>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace joblib::internal {
namespace {

// The strides of a row of elements.
std::vector<std::int64_t> StridesOf(const std::vector<std::int64_t>& shape,
                                    char order) {
  const std::size_t n = shape.size();
  std::vector<std::int64_t> strides(n);
  std::int64_t stride = 1;
  for (std::size_t k = 0; k < n; ++k) {
    const std::size_t axis = order == 'F' ? k : n - 1 - k;
    strides[axis] = stride;
    stride *= std::max<std::int64_t>(shape[axis], 1);
  }
  return strides;
}

// The stride of an axis of one element is never used.
bool HasStrides(const ArrayLayout& layout, char order) {
  if (layout.size <= 1) return true;
  const std::vector<std::int64_t> row = StridesOf(layout.shape, order);
  for (std::size_t axis = 0; axis < row.size(); ++axis) {
    if (layout.shape[axis] != 1 && layout.strides[axis] != row[axis]) {
      return false;
    }
  }
  return true;
}

void CopyItem(const std::byte* from, std::size_t item_bytes, std::byte* into) {
  switch (item_bytes) {  // A constant size needs no call.
    case 1:
      *into = *from;
      return;
    case 4:
      std::memcpy(into, from, 4);
      return;
    case 8:
      std::memcpy(into, from, 8);
      return;
    default:
      std::memcpy(into, from, item_bytes);
  }
}

// The elements below `axis` (the slower ones are chosen); returns where the
// next one goes.
std::byte* GatherFrom(const std::byte* from, const ArrayLayout& layout,
                      std::size_t axis, std::size_t item_bytes,
                      std::byte* into) {
  if (axis == layout.shape.size()) {
    CopyItem(from, item_bytes, into);
    return into + item_bytes;
  }
  const auto step = static_cast<std::size_t>(layout.strides[axis]) * item_bytes;
  if (axis + 1 == layout.shape.size()) {
    for (std::int64_t i = 0; i < layout.shape[axis]; ++i) {
      CopyItem(from, item_bytes, into);
      from += step;
      into += item_bytes;
    }
    return into;
  }
  for (std::int64_t i = 0; i < layout.shape[axis]; ++i) {
    into = GatherFrom(from, layout, axis + 1, item_bytes, into);
    from += step;
  }
  return into;
}

}  // namespace

ArrayLayout ArrayLayout::Contiguous(std::vector<std::int64_t> shape, char order,
                                    std::size_t item_bytes) {
  if (order != 'C' && order != 'F') {
    throw std::invalid_argument(
        absl::StrCat("The order of an array must be 'C' or 'F', got '",
                     std::string(1, order), "'."));
  }
  const std::int64_t most = std::numeric_limits<std::ptrdiff_t>::max() /
                            static_cast<std::int64_t>(item_bytes);
  // Extents of 0 make an array empty, whatever the others: but these may not
  // overflow, either, as strides are made of them.
  std::int64_t room = 1;
  bool is_empty = false;
  for (const std::int64_t extent : shape) {
    if (extent < 0) {
      throw std::invalid_argument(absl::StrCat(
          "negative dimensions are not allowed: ", ShapeText(shape)));
    }
    if (extent == 0) is_empty = true;
    if (extent > 1 && room > most / extent) {
      throw std::invalid_argument(absl::StrCat(
          "An array of shape ", ShapeText(shape), " and ", item_bytes,
          " bytes per element is larger than the address space."));
    }
    room *= std::max<std::int64_t>(extent, 1);
  }
  ArrayLayout layout;
  layout.strides = StridesOf(shape, order);
  layout.shape = std::move(shape);
  layout.size = is_empty ? 0 : room;
  return layout;
}

bool ArrayLayout::IsC() const { return HasStrides(*this, 'C'); }
bool ArrayLayout::IsF() const { return HasStrides(*this, 'F'); }

std::int64_t ArrayLayout::Extent() const {
  if (size == 0) return 0;
  std::int64_t last = 0;
  for (std::size_t axis = 0; axis < shape.size(); ++axis) {
    last += (shape[axis] - 1) * strides[axis];
  }
  return last + 1;
}

std::int64_t ArrayLayout::OffsetOf(std::int64_t i) const {
  std::int64_t offset = 0;
  for (std::size_t axis = shape.size(); axis-- > 0;) {
    offset += i % shape[axis] * strides[axis];
    i /= shape[axis];
  }
  return offset;
}

ArrayLayout ArrayLayout::Slice(std::int64_t begin, std::int64_t end,
                               std::int64_t step, std::int64_t* offset) const {
  if (shape.empty()) {
    throw std::invalid_argument("A zero-dimensional array has no slices.");
  }
  if (begin < 0 || begin > end || end > shape[0]) {
    throw std::out_of_range(absl::StrCat("slice(", begin, ", ", end,
                                         ") of an array of shape ",
                                         ShapeText(shape)));
  }
  if (step < 1) {
    throw std::invalid_argument(
        absl::StrCat("The step of a slice must be at least 1, got ", step));
  }
  ArrayLayout layout = *this;
  const std::int64_t n = end - begin;
  layout.shape[0] = n / step + (n % step != 0 ? 1 : 0);
  // One element has no next one: no stride that could overflow.
  if (layout.shape[0] > 1) layout.strides[0] *= step;
  layout.size = size == 0 ? 0 : size / shape[0] * layout.shape[0];
  *offset = layout.size == 0 ? 0 : begin * strides[0];
  return layout;
}

ArrayLayout ArrayLayout::Transposed() const {
  ArrayLayout layout = *this;
  std::reverse(layout.shape.begin(), layout.shape.end());
  std::reverse(layout.strides.begin(), layout.strides.end());
  return layout;
}

std::string ShapeText(const std::vector<std::int64_t>& shape) {
  return absl::StrCat("(", absl::StrJoin(shape, ", "),
                      shape.size() == 1 ? ",)" : ")");
}

void GatherElements(const std::byte* from, const ArrayLayout& layout,
                    std::size_t item_bytes, char order, std::byte* into) {
  if (layout.size == 0) return;
  if (order == 'C' ? layout.IsC() : layout.IsF()) {
    std::memcpy(into, from, static_cast<std::size_t>(layout.size) * item_bytes);
    return;
  }
  GatherFrom(from, order == 'C' ? layout : layout.Transposed(), 0, item_bytes,
             into);
}

const std::shared_ptr<const ArrayLayout>& EmptyLayout() {
  static const auto* const kEmpty = new std::shared_ptr<const ArrayLayout>(
      std::make_shared<const ArrayLayout>(ArrayLayout{{0}, {1}, 0}));
  return *kEmpty;
}

void ThrowBadIndex(const std::vector<std::int64_t>& shape,
                   std::size_t n_indices, std::size_t axis,
                   std::int64_t index) {
  if (n_indices != shape.size()) {
    throw std::out_of_range(absl::StrCat(n_indices, " indices for an array of ",
                                         shape.size(), " dimensions, of shape ",
                                         ShapeText(shape)));
  }
  throw std::out_of_range(absl::StrCat("index ", index,
                                       " is out of bounds for axis ", axis,
                                       " with size ", shape[axis]));
}

}  // namespace joblib::internal
