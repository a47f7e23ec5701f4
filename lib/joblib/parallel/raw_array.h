// RawArray: uninitialised memory for objects that somebody else constructs and
// destroys.
#ifndef JOBLIB_PARALLEL_RAW_ARRAY_H_
#define JOBLIB_PARALLEL_RAW_ARRAY_H_

#include <cstddef>
#include <utility>

namespace joblib::internal {

// Throws std::bad_alloc. `alignment`: at most a page.
void* AllocateRaw(std::size_t bytes, std::size_t alignment);
void FreeRaw(void* memory, std::size_t bytes, std::size_t alignment);

// For n objects of T.
template <class T>
class RawArray {
 public:
  static_assert(alignof(T) <= 4096, "joblib: aligned above a page");
  RawArray() = default;
  explicit RawArray(std::size_t n)
      : data_(static_cast<T*>(AllocateRaw(n * sizeof(T), alignof(T)))),
        size_(n) {}
  RawArray(RawArray&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)),
        size_(std::exchange(other.size_, 0)) {}
  RawArray& operator=(RawArray&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    return *this;
  }
  ~RawArray() {
    if (data_ != nullptr) FreeRaw(data_, size_ * sizeof(T), alignof(T));
  }
  T* data() const { return data_; }
  std::size_t size() const { return size_; }

 private:
  T* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace joblib::internal

#endif  // JOBLIB_PARALLEL_RAW_ARRAY_H_
