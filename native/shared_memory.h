// SharedMemory: anonymous memory that this process and its workers map.
//
// A memfd, sealed against any change of its size before anyone else sees it: no
// access within it can ever be a SIGBUS. Where memfd_create is refused, an
// unlinked file in /dev/shm or the temp folder, whose room is reserved.
//
//   absl::StatusOr<SharedMemory> memory = SharedMemory::Create("name", kBytes);
//   absl::StatusOr<Mapping> all = Mapping::Map(*memory, 0, memory->bytes());
//
// Thread-safety: like a plain value. Descriptors are close-on-exec.
#ifndef JOBLIB_NATIVE_SHARED_MEMORY_H_
#define JOBLIB_NATIVE_SHARED_MEMORY_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "native/kept_descriptor.h"

namespace joblib::native {

class SharedMemory {
 public:
  SharedMemory() = default;
  // `bytes` > 0, rounded up to pages; sparse: a page exists from its first use
  // on. `name` shows in /proc. Errors: RESOURCE_EXHAUSTED (descriptors, memory,
  // RLIMIT_FSIZE below `bytes`: asked before, no SIGXFSZ), naming the limit.
  static absl::StatusOr<SharedMemory> Create(const std::string& name,
                                             std::size_t bytes);
  // Takes over `fd`, which came from another process. Errors:
  // FAILED_PRECONDITION unless it is a file whose size is `bytes` (0: any) and
  // (if it is a memfd) sealed against shrinking; then `fd` is closed, too.
  static absl::StatusOr<SharedMemory> Adopt(int fd, std::size_t bytes);

  int fd() const { return fd_.get(); }
  // Whether fd() is still that of this memory: a program may have closed it and
  // opened a file of its own. Discard and the destructor look themselves.
  bool IsOurs() const { return fd_.IsOurs(); }
  std::size_t bytes() const { return bytes_; }
  // Whether nobody can shrink it: else reading a map of it may be a SIGBUS.
  bool HasFixedSize() const { return anonymous_; }
  // Makes sure that [offset, offset + n) has memory behind it. Nothing to do
  // for a memfd, but for a file. Errors: RESOURCE_EXHAUSTED.
  absl::Status Reserve(std::size_t offset, std::size_t n) const;
  // Gives the whole pages in [offset, offset + n) back to the system; they read
  // as zeros.
  void Discard(std::size_t offset, std::size_t n) const;
  // No more writing through new mappings or write(2), for ever. A memfd only;
  // else it does nothing. No writeable mapping may exist.
  absl::Status SealContent() const;

  // memfd_create() fails with ENOSYS from here on (tests).
  static void RefuseMemfdForTest(bool refuse);

 private:
  KeptDescriptor fd_;
  std::size_t bytes_ = 0;
  bool anonymous_ = true;  // A memfd.
};

// A piece of it in this process's address space. Movable, not copyable.
// Not in core dumps (MADV_DONTDUMP).
class Mapping {
 public:
  Mapping() = default;
  Mapping(Mapping&& other) noexcept
      : address_(std::exchange(other.address_, nullptr)),
        bytes_(std::exchange(other.bytes_, 0)) {}
  Mapping& operator=(Mapping&& other) noexcept;
  ~Mapping();  // Unmaps.

  enum class Access { kRead, kReadWrite };
  // offset: a multiple of the page size. Errors: RESOURCE_EXHAUSTED (address
  // space, max_map_count).
  static absl::StatusOr<Mapping> Map(const SharedMemory& memory,
                                     std::size_t offset, std::size_t bytes,
                                     Access access = Access::kReadWrite);
  // Read-write pieces of `memory` one behind the other in the address space.
  // With the same piece twice a ring needs no wrapping. Not locked in memory,
  // also where the program has called mlockall().
  struct Piece {
    std::size_t offset, bytes;
  };
  static absl::StatusOr<Mapping> MapPieces(const SharedMemory& memory,
                                           const Piece* pieces,
                                           std::size_t n_pieces);

  std::byte* data() const { return static_cast<std::byte*>(address_); }
  std::size_t bytes() const { return bytes_; }

 private:
  void* address_ = nullptr;
  std::size_t bytes_ = 0;
};

}  // namespace joblib::native

#endif  // JOBLIB_NATIVE_SHARED_MEMORY_H_
