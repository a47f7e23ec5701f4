// FileMap: a piece of a file, or of memory that has no name, in this process's
// address space.
//
//   absl::StatusOr<MappedFile> file = MappedFile::Open(path, FileUse::kRead);
//   absl::StatusOr<FileMap> map =
//       FileMap::Map(*file, /*offset=*/128, kBytes, MapMode::kRead);
//
// Not in core dumps (MADV_DONTDUMP).
//
// Thread-safety: like a plain value. Descriptors are close-on-exec.
// wasm: a map is a copy that is written back by Flush and by the destructor;
// two maps of one file don't see each other's writes.
#ifndef JOBLIB_NATIVE_FILE_MAP_H_
#define JOBLIB_NATIVE_FILE_MAP_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "native/kept_descriptor.h"

namespace joblib::native {

enum class FileUse {
  kRead,       // It must exist.
  kReadWrite,  // It must exist.
  kCreate,     // Made (0666 and the umask), or emptied if it exists.
};

class MappedFile {
 public:
  MappedFile() = default;
  // Takes it over, and closes it; maps stay.
  MappedFile(int fd, std::uint64_t bytes) : fd_(fd), bytes_(bytes) {}

  // Errors, naming the path: NOT_FOUND, PERMISSION_DENIED, what open(2) says;
  // INVALID_ARGUMENT: not a regular file.
  static absl::StatusOr<MappedFile> Open(const std::string& path, FileUse use);

  // The same open file. Errors: RESOURCE_EXHAUSTED (descriptors).
  absl::StatusOr<MappedFile> Duplicate() const { return SameAs(fd(), bytes_); }
  // That of a descriptor which stays its owner's.
  static absl::StatusOr<MappedFile> SameAs(int fd, std::uint64_t bytes);
  int fd() const { return fd_.get(); }
  std::uint64_t bytes() const { return bytes_; }
  // Makes it at least `bytes` long, with room on the disk for all of it, so
  // that no write through a map can fail. Errors: RESOURCE_EXHAUSTED (a full
  // disk, a quota, RLIMIT_FSIZE: asked before), naming need and limit.
  absl::Status Extend(std::uint64_t bytes);
  // Errors: what write(2) says.
  absl::Status Write(std::uint64_t offset, const void* from, std::size_t n);
  // Reads exactly `n` bytes from `offset` on. Errors: OUT_OF_RANGE: there are
  // fewer.
  absl::Status Read(std::uint64_t offset, void* into, std::size_t n) const;

 private:
  KeptDescriptor fd_;
  std::uint64_t bytes_ = 0;
};

enum class MapMode {
  kRead,         // 'r': a write is a crash.
  kReadWrite,    // 'r+': writes reach the file and every process that maps it.
  kCopyOnWrite,  // 'c': writes stay in this process.
};

class FileMap {
 public:
  FileMap() = default;
  FileMap(FileMap&& other) noexcept { *this = std::move(other); }
  FileMap& operator=(FileMap&& other) noexcept;
  ~FileMap();  // Unmaps. The file stays.

  // [offset, offset + bytes), which must lie within the file; offset need not
  // be a multiple of anything. No bytes: no map. Keeps the descriptor.
  // Errors: RESOURCE_EXHAUSTED (address space, max_map_count).
  static absl::StatusOr<FileMap> Map(MappedFile file, std::uint64_t offset,
                                     std::size_t bytes, MapMode mode);
  // Zeros without a name, writeable, that other processes can map, too, by the
  // descriptor (where there are processes). Errors: RESOURCE_EXHAUSTED.
  static absl::StatusOr<FileMap> Anonymous(std::size_t bytes);

  std::byte* data() const { return data_; }
  std::size_t bytes() const { return bytes_; }
  int fd() const { return fd_.get(); }  // -1: none.
  // Whether this process may read and write it; the pages stay either way.
  // Errors: RESOURCE_EXHAUSTED (max_map_count); UNIMPLEMENTED on wasm.
  absl::Status SetAccess(bool any) const;
  // Writes what was changed through a kReadWrite map to the file.
  absl::Status Flush() const;

 private:
  std::byte* data_ = nullptr;
  std::size_t bytes_ = 0;
  void* address_ = nullptr;  // What was mapped, around data_.
  std::size_t mapped_ = 0;
  KeptDescriptor fd_;
  std::uint64_t offset_ = 0;
  bool writes_file_ = false;
};

}  // namespace joblib::native

#endif  // JOBLIB_NATIVE_FILE_MAP_H_
