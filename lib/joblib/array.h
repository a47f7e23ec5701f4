// Array<T>: an n-dimensional array that can be memory-mapped.
//
// Not available in this build yet: the interface is here, its functions throw
// std::runtime_error with these words.
#ifndef JOBLIB_ARRAY_H_
#define JOBLIB_ARRAY_H_

#include <cstdint>
#include <initializer_list>
#include <span>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "joblib/core/setting.h"

namespace joblib {
namespace internal {
[[noreturn]] inline void ArraysNotBuilt() {
  throw std::runtime_error(
      "joblib::Array and memory maps are not available in this build of "
      "joblib. Pass a std::vector by std::cref to threads.");
}
}  // namespace internal

enum class Memory { kPrivate, kShared };

// Extents of any integer type: {2, 3}, {v.size()}.
class Shape {
 public:
  class Extent {
   public:
    template <internal::AnyInteger N>
    Extent(N n) : value(static_cast<std::int64_t>(n)) {}
    std::int64_t value;
  };
  Shape(std::initializer_list<Extent> extents) {
    for (const Extent& extent : extents) extents_.push_back(extent.value);
  }
  Shape(std::vector<std::int64_t> extents) : extents_(std::move(extents)) {}
  const std::vector<std::int64_t>& extents() const { return extents_; }

 private:
  std::vector<std::int64_t> extents_;
};

// What mutable_view() gives: plain references, no check per element.
template <class T>
class ArrayView {
 public:
  template <internal::AnyInteger... Indices>
  T& operator()(Indices...) const {
    internal::ArraysNotBuilt();
  }
  const std::vector<std::int64_t>& shape() const { internal::ArraysNotBuilt(); }
};

template <class T>
class Array {
 public:
  static Array from(std::vector<T>, Shape) { internal::ArraysNotBuilt(); }
  static Array zeros(Shape, Memory = Memory::kPrivate) {
    internal::ArraysNotBuilt();
  }
  static Array empty(Shape, Memory = Memory::kPrivate) {
    internal::ArraysNotBuilt();
  }
  const std::vector<std::int64_t>& shape() const { internal::ArraysNotBuilt(); }
  template <internal::AnyInteger... Indices>
  const T& operator()(Indices...) const {
    internal::ArraysNotBuilt();
  }
  std::span<const T> span() const { internal::ArraysNotBuilt(); }
  ArrayView<T> mutable_view() { internal::ArraysNotBuilt(); }
  std::span<T> mutable_span() { internal::ArraysNotBuilt(); }
  Array slice(std::int64_t, std::int64_t) const { internal::ArraysNotBuilt(); }
  Array transpose() const { internal::ArraysNotBuilt(); }
  bool is_memmap() const { internal::ArraysNotBuilt(); }
  bool writeable() const { internal::ArraysNotBuilt(); }
  const std::string& mmap_mode() const { internal::ArraysNotBuilt(); }
  const std::string& filename() const { internal::ArraysNotBuilt(); }
  std::int64_t offset() const { internal::ArraysNotBuilt(); }
};

struct MemmapOptions {
  std::int64_t offset = 0;  // Bytes.
  char order = 'C';         // Or 'F'.
};

template <class T>
void dump(const Array<T>&, const std::string&) {
  internal::ArraysNotBuilt();
}
template <class T>
Array<T> load(const std::string&, MmapMode = none) {
  internal::ArraysNotBuilt();
}
template <class T>
Array<T> memmap(const std::string&, MmapMode, Shape, MemmapOptions = {}) {
  internal::ArraysNotBuilt();
}

}  // namespace joblib

#endif  // JOBLIB_ARRAY_H_
