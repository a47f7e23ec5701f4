// ArrayLayout: where the elements of an array lie: shape and strides.
//
// Pure arithmetic. Extents and strides count elements; strides may be of any
// multiple, never negative. Thread-safety: values.
// Errors: std::invalid_argument, std::out_of_range as said.
#ifndef JOBLIB_ARRAY_LAYOUT_H_
#define JOBLIB_ARRAY_LAYOUT_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace joblib::internal {

struct ArrayLayout {
  std::vector<std::int64_t> shape;
  std::vector<std::int64_t> strides;
  std::int64_t size = 0;  // How many elements.

  // Elements in a row, the last axis fastest ('C') or the first ('F').
  // Throws std::invalid_argument: a negative extent, more bytes than an address
  // can have (at `item_bytes` each), another order.
  static ArrayLayout Contiguous(std::vector<std::int64_t> shape, char order,
                                std::size_t item_bytes);

  // Whether all elements lie in a row in that order.
  bool IsC() const;
  bool IsF() const;
  // From the first element to the end of the last one; 0 without elements.
  std::int64_t Extent() const;
  // Of the i-th element in C order. Requires 0 <= i < size.
  std::int64_t OffsetOf(std::int64_t i) const;
  // [begin, end) of the first axis, each step-th; *offset: of its first
  // element. Throws std::out_of_range, or std::invalid_argument for no axis and
  // a step below 1.
  ArrayLayout Slice(std::int64_t begin, std::int64_t end, std::int64_t step,
                    std::int64_t* offset) const;
  ArrayLayout Transposed() const;
};

// "(2, 3)", as Python prints it.
std::string ShapeText(const std::vector<std::int64_t>& shape);

// Copies the elements of `layout` from `from` into a row in C or F order.
void GatherElements(const std::byte* from, const ArrayLayout& layout,
                    std::size_t item_bytes, char order, std::byte* into);

// That of no element at all.
const std::shared_ptr<const ArrayLayout>& EmptyLayout();

// What operator() throws in debug builds.
[[noreturn]] void ThrowBadIndex(const std::vector<std::int64_t>& shape,
                                std::size_t n_indices, std::size_t axis,
                                std::int64_t index);

}  // namespace joblib::internal

#endif  // JOBLIB_ARRAY_LAYOUT_H_
