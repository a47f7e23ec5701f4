// KeptDescriptor: a descriptor that is kept for long, closed by its destructor.
//
// A program may close all descriptors that it does not know (closefrom(3)) and
// open a file of its own, which gets the same number: that one is left alone.
//
// Thread-safety: like a plain value.
#ifndef JOBLIB_NATIVE_KEPT_DESCRIPTOR_H_
#define JOBLIB_NATIVE_KEPT_DESCRIPTOR_H_

#include <cstdint>
#include <utility>

namespace joblib::native {

class KeptDescriptor {
 public:
  KeptDescriptor() = default;
  explicit KeptDescriptor(int fd);  // Takes it over; below 0: none.
  KeptDescriptor(KeptDescriptor&& other) noexcept
      : fd_(std::exchange(other.fd_, -1)),
        device_(other.device_),
        inode_(other.inode_) {}
  KeptDescriptor& operator=(KeptDescriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    std::swap(device_, other.device_);
    std::swap(inode_, other.inode_);
    return *this;
  }
  ~KeptDescriptor();

  int get() const { return fd_; }  // -1: none.
  // Whether the number still is that of our file. 0.3 us.
  bool IsOurs() const;

 private:
  int fd_ = -1;
  std::uint64_t device_ = 0, inode_ = 0;
};

}  // namespace joblib::native

#endif  // JOBLIB_NATIVE_KEPT_DESCRIPTOR_H_
