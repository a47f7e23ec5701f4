// ElementIterator: over the elements of an array in C order, whatever its
// strides. And the place of an element by its indices.
#ifndef JOBLIB_ARRAY_ELEMENT_ITERATOR_H_
#define JOBLIB_ARRAY_ELEMENT_ITERATOR_H_

#include <compare>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <type_traits>

#include "joblib/array/layout.h"
#include "joblib/core/setting.h"

namespace joblib::internal {

#ifdef NDEBUG
constexpr bool kCheckIndices = false;
#else
constexpr bool kCheckIndices = true;
#endif

// In elements from the first one.
template <AnyInteger... Indices>
std::int64_t OffsetAt(const ArrayLayout& layout, Indices... indices) {
  const std::int64_t* const strides = layout.strides.data();
  if constexpr (kCheckIndices) {
    constexpr std::size_t kN = sizeof...(indices);
    if (layout.shape.size() != kN) ThrowBadIndex(layout.shape, kN, 0, 0);
    std::size_t axis = 0;
    const auto check = [&](std::int64_t index) {
      if (index < 0 || index >= layout.shape[axis]) {
        ThrowBadIndex(layout.shape, kN, axis, index);
      }
      ++axis;
    };
    (check(static_cast<std::int64_t>(indices)), ...);
  }
  std::size_t axis = 0;
  std::int64_t offset = 0;
  ((offset += static_cast<std::int64_t>(indices) * strides[axis++]), ...);
  return offset;
}

// Random access. Valid as long as its array or view is. Not contiguous in
// memory: span() is, and is what hot loops should use.
template <class T>
class ElementIterator {
 public:
  using iterator_category = std::random_access_iterator_tag;
  using value_type = std::remove_const_t<T>;
  using difference_type = std::ptrdiff_t;
  using pointer = T*;
  using reference = T&;

  ElementIterator() = default;
  ElementIterator(T* data, const ArrayLayout* layout, std::int64_t i)
      : data_(data), layout_(layout), i_(i), in_a_row_(layout->IsC()) {}

  T& operator*() const { return data_[in_a_row_ ? i_ : layout_->OffsetOf(i_)]; }
  T* operator->() const { return &**this; }
  T& operator[](difference_type n) const { return *(*this + n); }
  ElementIterator& operator+=(difference_type n) {
    i_ += n;
    return *this;
  }
  ElementIterator& operator-=(difference_type n) { return *this += -n; }
  ElementIterator& operator++() { return *this += 1; }
  ElementIterator& operator--() { return *this += -1; }
  ElementIterator operator++(int) {
    const ElementIterator before = *this;
    ++*this;
    return before;
  }
  ElementIterator operator--(int) {
    const ElementIterator before = *this;
    --*this;
    return before;
  }
  friend ElementIterator operator+(ElementIterator it, difference_type n) {
    return it += n;
  }
  friend ElementIterator operator+(difference_type n, ElementIterator it) {
    return it += n;
  }
  friend ElementIterator operator-(ElementIterator it, difference_type n) {
    return it -= n;
  }
  friend difference_type operator-(const ElementIterator& a,
                                   const ElementIterator& b) {
    return static_cast<difference_type>(a.i_ - b.i_);
  }
  friend bool operator==(const ElementIterator& a, const ElementIterator& b) {
    return a.i_ == b.i_;
  }
  friend std::strong_ordering operator<=>(const ElementIterator& a,
                                          const ElementIterator& b) {
    return a.i_ <=> b.i_;
  }

 private:
  T* data_ = nullptr;
  const ArrayLayout* layout_ = nullptr;
  std::int64_t i_ = 0;
  bool in_a_row_ = true;
};

}  // namespace joblib::internal

#endif  // JOBLIB_ARRAY_ELEMENT_ITERATOR_H_
