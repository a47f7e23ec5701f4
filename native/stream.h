// Stream: one end of a connected stream socket, with calls that block until all
// of it is done.
//
// Never raises SIGPIPE. Thread-safety: one thread may read while another one
// writes; Shutdown from any thread.
#ifndef JOBLIB_NATIVE_STREAM_H_
#define JOBLIB_NATIVE_STREAM_H_

#include <cstddef>
#include <initializer_list>
#include <string_view>

#include "native/kept_descriptor.h"

namespace joblib::native {

class Stream {
 public:
  Stream() = default;
  explicit Stream(int fd) : fd_(fd) {}  // Takes it over.

  int fd() const { return fd_.get(); }
  // False: the other end is closed, or Shutdown was called.
  bool Read(void* bytes, std::size_t n) const;
  bool Write(std::initializer_list<std::string_view> pieces) const;
  // Both directions: whoever reads or writes, here or there, is told.
  void Shutdown() const;

 private:
  KeptDescriptor fd_;
};

}  // namespace joblib::native

#endif  // JOBLIB_NATIVE_STREAM_H_
