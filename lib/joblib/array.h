// Array<T>: an n-dimensional array, in memory, in shared memory or a mapped
// file.
//
//   auto table = joblib::Array<double>::from(std::move(values), {2, 3});
//   double x = table(1, 2);
//   table.mutable_view()(1, 2) = 7;
//   joblib::dump(table, "table.npy");                    // For numpy.load.
//   auto mapped = joblib::load<double>("table.npy", "r");
//
// A handle: copying it copies no element, and all copies and views share the
// memory, which lives as long as any of them. T: see ArrayElement
// (array/element_type.h); T = bool takes a byte each.
//
// const is the handle's, not the memory's: whoever has a copy can ask it for a
// mutable_view(). Reading goes through operator(), span() and begin(); writing
// through mutable_view() and mutable_span(), which throw where the memory is
// read-only, so that no write ever ends in a crash. These two are also what
// marks an array as changed for worker processes that hold a copy of it: a view
// or a span kept from before a call does not mark what it changes later.
//
// Sizes count elements, offset() and nbytes() bytes. Extents are signed:
// `for (int i = 0; i < a.shape()[0]; ++i)` compares alike.
//
// Thread-safety: as a std::shared_ptr to a plain array. Processes that write to
// one map or one Memory::kShared array synchronize themselves.
// Errors: std::invalid_argument for a wrong value or file (Python's
// ValueError), std::out_of_range for an index, std::runtime_error for what the
// system refuses, std::bad_alloc. Indices are checked where NDEBUG is not
// defined; elsewhere a wrong one is undefined behaviour, as with std::vector.
//
// In a task of a worker process, large arrays (more than max_nbytes) are made in
// memory that can be handed over to the caller as a result: a process that the
// task fork()s shares it.
//
// A file that another program shortens while it is mapped takes the process
// that reads beyond its end with it (SIGBUS). On WebAssembly a map is a copy in
// memory, written back when its last handle goes.
#ifndef JOBLIB_ARRAY_H_
#define JOBLIB_ARRAY_H_

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <typeinfo>
#include <utility>
#include <vector>

#include "joblib/array/array_parts.h"
#include "joblib/array/array_value.h"
#include "joblib/array/element_iterator.h"
#include "joblib/array/element_type.h"
#include "joblib/core/archive.h"
#include "joblib/core/setting.h"

namespace joblib {

// Where the elements of a new array lie.
enum class Memory {
  kPrivate,  // This process's.
  kShared,   // Worker processes get the same memory: nothing is copied, and
             // what they write is seen here. Zeros at first. Nobody has to
             // clean it up: it has no name and goes with its last user.
};

// Extents of any integer type: {2, 3}, {v.size()}. Shape(): not given; where
// a shape is needed, that of a zero-dimensional array, which has one element.
class Shape {
 public:
  // One of them, of any integer type.
  class Extent {
   public:
    // Sizes of containers and plain numbers alike.
    template <internal::AnyInteger N>
    Extent(N n) : value(static_cast<std::int64_t>(n)) {}
    std::int64_t value;  // May be negative: whoever uses it checks.
  };
  Shape() = default;  // Not given.
  // {2, 3}; {} is not given, too.
  Shape(std::initializer_list<Extent> extents) : given_(true) {
    for (const Extent& extent : extents) extents_.push_back(extent.value);
  }
  // As many extents as the vector has; none: one element.
  Shape(std::vector<std::int64_t> extents)
      : extents_(std::move(extents)), given_(true) {}
  // Empty where it is not given.
  const std::vector<std::int64_t>& extents() const { return extents_; }
  // False for Shape().
  bool is_given() const { return given_; }

 private:
  std::vector<std::int64_t> extents_;
  bool given_ = false;
};

// What mutable_view() gives: plain references. Keeps the memory alive.
template <class T>
class ArrayView {
 public:
  using iterator = internal::ElementIterator<T>;

  // The element, to read or write; as many indices as there are axes.
  template <internal::AnyInteger... Indices>
  T& operator()(Indices... indices) const {
    return data_[internal::OffsetAt(*layout_, indices...)];
  }
  // The extents, one for each axis.
  const std::vector<std::int64_t>& shape() const { return layout_->shape; }
  // Elements.
  std::int64_t size() const { return layout_->size; }
  // Over the elements in C order.
  iterator begin() const { return iterator(data_, layout_.get(), 0); }
  iterator end() const { return iterator(data_, layout_.get(), size()); }

 private:
  template <ArrayElement>
  friend class Array;
  explicit ArrayView(const internal::ArrayParts& parts)
      : data_(reinterpret_cast<T*>(parts.data)),
        layout_(parts.layout),
        memory_(parts.memory) {}

  T* data_;
  std::shared_ptr<const internal::ArrayLayout> layout_;
  std::shared_ptr<internal::ArrayMemory> memory_;
};

template <ArrayElement T>
class Array {
 public:
  using value_type = T;
  using const_iterator = internal::ElementIterator<const T>;

  // Shape (0,): no elements.
  Array() = default;

  // Takes the vector over; only bools are copied. order: in which the values
  // come, 'C' (the last index fastest) or 'F'. Throws std::invalid_argument if
  // there are more or fewer of them than the shape has room for.
  static Array from(std::vector<T> values, Shape shape, char order = 'C');
  // All elements 0. order: 'C' or 'F'.
  static Array zeros(Shape shape, Memory memory = Memory::kPrivate,
                     char order = 'C') {
    return New(std::move(shape), order, memory, internal::NewMemory::kZeros);
  }
  // Elements of any value; zeros in Memory::kShared.
  static Array empty(Shape shape, Memory memory = Memory::kPrivate,
                     char order = 'C') {
    return New(std::move(shape), order, memory, internal::NewMemory::kRaw);
  }

  // The extents, one for each axis.
  const std::vector<std::int64_t>& shape() const { return layout().shape; }
  // From one element to the next along each axis, in elements.
  const std::vector<std::int64_t>& strides() const { return layout().strides; }
  // Axes.
  std::int64_t ndim() const {
    return static_cast<std::int64_t>(layout().shape.size());
  }
  // Elements.
  std::int64_t size() const { return layout().size; }
  // Of the elements, without gaps that a view may have.
  std::int64_t nbytes() const {
    return size() * static_cast<std::int64_t>(sizeof(T));
  }
  // Without gaps, the last index fastest.
  bool is_c_contiguous() const { return layout().IsC(); }
  // Without gaps, the first index fastest.
  bool is_f_contiguous() const { return layout().IsF(); }

  // The element; as many indices as there are axes.
  template <internal::AnyInteger... Indices>
  const T& operator()(Indices... indices) const {
    return data()[internal::OffsetAt(layout(), indices...)];
  }
  // Of an array that is contiguous, in C or in F order: its elements as they
  // lie in memory. Throws std::invalid_argument for another.
  std::span<const T> span() const { return {data(), SpanSize()}; }
  // Over the elements in C order.
  const_iterator begin() const { return const_iterator(data(), &layout(), 0); }
  const_iterator end() const {
    return const_iterator(data(), &layout(), size());
  }

  // To write. Throw std::invalid_argument where writeable() is false.
  ArrayView<T> mutable_view() {
    internal::BeginWriting(parts_.memory.get());
    return ArrayView<T>(parts_);
  }
  // The elements of a contiguous array as they lie in memory.
  std::span<T> mutable_span() {
    const std::size_t n = SpanSize();
    internal::BeginWriting(parts_.memory.get());
    return {reinterpret_cast<T*>(parts_.data), n};
  }

  // Views: the same memory. slice: [begin, end) along the first axis, each
  // step-th; throws std::out_of_range where that is not within it.
  Array slice(std::int64_t begin, std::int64_t end,
              std::int64_t step = 1) const {
    return Array(internal::SliceOf(parts_, begin, end, step, sizeof(T)));
  }
  // The axes in reverse order.
  Array transpose() const {
    internal::ArrayParts turned = parts_;
    turned.layout =
        std::make_shared<const internal::ArrayLayout>(layout().Transposed());
    return Array(std::move(turned));
  }
  // The elements in private memory of their own, writeable.
  Array copy() const { return Array(internal::CopyOf(parts_, sizeof(T))); }

  // Whether the memory is a mapped file.
  bool is_memmap() const { return !mmap_mode().empty(); }
  // Whether mutable_view() gives one.
  bool writeable() const {
    return parts_.memory == nullptr || parts_.memory->writeable;
  }
  // "r", "r+" or "c" ("w+" becomes "r+"); "" if it is no map.
  const std::string& mmap_mode() const {
    return parts_.memory == nullptr ? internal::EmptyText()
                                    : parts_.memory->mmap_mode;
  }
  // As it was given; "" if it is no map.
  const std::string& filename() const {
    return parts_.memory == nullptr ? internal::EmptyText()
                                    : parts_.memory->filename;
  }
  // Of the first element, in bytes from the file's begin; 0 if it is no map.
  std::int64_t offset() const {
    if (!is_memmap()) return 0;
    return static_cast<std::int64_t>(parts_.memory->offset) +
           (parts_.data - parts_.memory->data);
  }

  void CEREAL_SAVE_FUNCTION_NAME(internal::OutArchive& archive) const {
    internal::PutArray(archive.out(), parts_, sizeof(T));
  }
  void CEREAL_LOAD_FUNCTION_NAME(internal::InArchive& archive) {
    internal::ArrayParts parts = internal::GetArray(archive.in(), Info());
    parts_ = std::move(parts);
  }

 private:
  template <ArrayElement U>
  friend void dump(const Array<U>& array, const std::string& path);
  template <ArrayElement U>
  friend Array<U> load(const std::string& path, MmapMode mode);
  template <ArrayElement U>
  friend Array<U> memmap(const std::string& path, MmapMode mode, Shape shape,
                         struct MemmapOptions options);

  friend struct internal::ArrayAccess;

  explicit Array(internal::ArrayParts parts) : parts_(std::move(parts)) {}
  static Array New(Shape shape, char order, Memory memory,
                   internal::NewMemory how) {
    return Array(internal::NewArray(
        shape.extents(), order, sizeof(T),
        memory == Memory::kShared ? internal::NewMemory::kShared : how));
  }
  static internal::ElementInfo Info() {
    return {internal::Descr<T>(), sizeof(T), alignof(T), typeid(T).name()};
  }
  const internal::ArrayLayout& layout() const { return *parts_.layout; }
  const T* data() const { return reinterpret_cast<const T*>(parts_.data); }
  std::size_t SpanSize() const {
    if (!layout().IsC() && !layout().IsF()) {
      internal::ThrowNotContiguous(layout());
    }
    return static_cast<std::size_t>(size());
  }

  internal::ArrayParts parts_;
};

template <ArrayElement T>
Array<T> Array<T>::from(std::vector<T> values, Shape shape, char order) {
  internal::ArrayParts parts;
  parts.layout = std::make_shared<const internal::ArrayLayout>(
      internal::ArrayLayout::Contiguous(shape.extents(), order, sizeof(T)));
  if (values.size() != static_cast<std::size_t>(parts.layout->size)) {
    internal::ThrowOtherSize(values.size(), *parts.layout);
  }
  if constexpr (std::is_same_v<T, bool>) {
    std::vector<std::uint8_t> bytes(values.begin(), values.end());
    parts.memory = std::make_shared<internal::VectorMemory<std::uint8_t>>(
        std::move(bytes));
  } else {
    parts.memory =
        std::make_shared<internal::VectorMemory<T>>(std::move(values));
  }
  parts.data = parts.memory->data;
  return Array(std::move(parts));
}

// Where in the file, and in which order, the elements of memmap() lie.
struct MemmapOptions {
  std::int64_t offset = 0;  // Bytes; a multiple of T's alignment.
  char order = 'C';         // The last index fastest; 'F': the first.
};

// Writes a .npy file, as numpy.save: Fortran order where the array is in that
// and not in C order, else C order. Room for all of it is reserved first; after
// an error there is no file. Not onto the file that the array maps.
template <ArrayElement T>
void dump(const Array<T>& array, const std::string& path) {
  internal::DumpArray(array.parts_, path, Array<T>::Info());
}

// Reads a .npy file (versions 1 to 3) whose dtype is T's: into memory, or with
// a mode maps it: "r" (read), "r+" or "w+" (writes reach the file), "c" (writes
// stay here). A file of the other byte order is turned round; mapped it is an
// error. Throws std::invalid_argument naming both types if the file's is
// another, or for what is no .npy file.
template <ArrayElement T>
Array<T> load(const std::string& path, MmapMode mode = none) {
  return Array<T>(internal::LoadArray(path, mode, Array<T>::Info()));
}

// Maps a file of plain elements, as numpy.memmap: "r", "r+", "w+" (made, or
// emptied: zeros), "c". Without a shape (Shape()) all that the file has, along
// one axis. With "r+" a file that is too short is made longer, its room
// reserved first.
template <ArrayElement T>
Array<T> memmap(const std::string& path, MmapMode mode, Shape shape = Shape(),
                MemmapOptions options = {}) {
  return Array<T>(internal::MapFile(
      path, mode, shape.is_given() ? &shape.extents() : nullptr, options.offset,
      options.order, Array<T>::Info()));
}

}  // namespace joblib

#endif  // JOBLIB_ARRAY_H_
