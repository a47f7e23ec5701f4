#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>

#include "absl/strings/str_cat.h"
#include "native/descriptor.h"
#include "native/errno_status.h"
#include "native/file_map.h"
#include "native/shared_memory.h"

namespace joblib::native {
namespace {

std::uint64_t PageSize() {
  static const auto size = static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
  return size;
}

int OpenFlags(FileUse use) {
  switch (use) {
    case FileUse::kRead:
      return O_RDONLY;
    case FileUse::kReadWrite:
      return O_RDWR;
    case FileUse::kCreate:
      break;
  }
  return O_RDWR | O_CREAT;
}

}  // namespace

absl::StatusOr<MappedFile> MappedFile::Open(const std::string& path,
                                            FileUse use) {
  MappedFile file;
  // O_NONBLOCK: a pipe in the file's place would be waited for.
  constexpr int kAlways = O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
  file.fd_ = KeptDescriptor(
      AboveStandard(open(path.c_str(), OpenFlags(use) | kAlways, 0666)));
  if (file.fd() < 0) return ErrnoStatus(errno, absl::StrCat("open ", path));
  struct stat info = {};
  if (fstat(file.fd(), &info) != 0) {
    return ErrnoStatus(errno, absl::StrCat("fstat ", path));
  }
  if (!S_ISREG(info.st_mode)) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, " is not a regular file."));
  }
  if (use == FileUse::kCreate && ftruncate(file.fd(), 0) != 0) {
    return ErrnoStatus(errno, absl::StrCat("empty ", path));
  }
  file.bytes_ =
      use == FileUse::kCreate ? 0 : static_cast<std::uint64_t>(info.st_size);
  return file;
}

absl::StatusOr<MappedFile> MappedFile::SameAs(int fd, std::uint64_t bytes) {
  const int same = fcntl(fd, F_DUPFD_CLOEXEC, 3);
  if (same < 0) return ErrnoStatus(errno, "duplicate a descriptor");
  return MappedFile(same, bytes);
}

absl::Status MappedFile::Extend(std::uint64_t bytes) {
  if (bytes <= bytes_) return absl::OkStatus();
  rlimit limit = {};
  if (getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur < bytes) {
    return absl::ResourceExhaustedError(
        absl::StrCat("a file of ", bytes,
                     " bytes: RLIMIT_FSIZE (ulimit -f) is ", limit.rlim_cur));
  }
  int error = 0;
  do {
    error = posix_fallocate(fd(), static_cast<off_t>(bytes_),
                            static_cast<off_t>(bytes - bytes_));
  } while (error == EINTR);
  if (error == 0) {
    bytes_ = bytes;
    return absl::OkStatus();
  }
  struct statvfs space = {};
  std::uint64_t free = 0;
  if (fstatvfs(fd(), &space) == 0) {
    free = std::uint64_t{space.f_bavail} * space.f_frsize;
  }
  if (ftruncate(fd(), static_cast<off_t>(bytes_)) != 0) {
    return ErrnoStatus(errno, "shorten a file");
  }
  return absl::ResourceExhaustedError(absl::StrCat(
      ErrnoStatus(error, absl::StrCat("reserve ", bytes - bytes_, " bytes"))
          .message(),
      " (", free, " are free on that filesystem)"));
}

absl::Status MappedFile::Read(std::uint64_t offset, void* into,
                              std::size_t n) const {
  auto* at = static_cast<char*>(into);
  while (n > 0) {
    const ssize_t got = pread(fd(), at, n, static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return ErrnoStatus(errno, "read");
    if (got == 0) {
      return absl::OutOfRangeError(
          absl::StrCat("the file ends ", n, " bytes too early"));
    }
    at += got;
    offset += static_cast<std::uint64_t>(got);
    n -= static_cast<std::size_t>(got);
  }
  return absl::OkStatus();
}

absl::Status MappedFile::Write(std::uint64_t offset, const void* from,
                               std::size_t n) {
  const auto* at = static_cast<const char*>(from);
  while (n > 0) {
    const ssize_t put = pwrite(fd(), at, n, static_cast<off_t>(offset));
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return ErrnoStatus(errno, "write");
    at += put;
    offset += static_cast<std::uint64_t>(put);
    n -= static_cast<std::size_t>(put);
  }
  return absl::OkStatus();
}

FileMap& FileMap::operator=(FileMap&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(bytes_, other.bytes_);
  std::swap(address_, other.address_);
  std::swap(mapped_, other.mapped_);
  std::swap(fd_, other.fd_);
  std::swap(offset_, other.offset_);
  std::swap(writes_file_, other.writes_file_);
  return *this;
}

FileMap::~FileMap() {
  if (address_ != nullptr) munmap(address_, mapped_);
}

absl::StatusOr<FileMap> FileMap::Map(MappedFile file, std::uint64_t offset,
                                     std::size_t bytes, MapMode mode) {
  FileMap map;
  map.bytes_ = bytes;
  map.offset_ = offset;
  map.writes_file_ = mode == MapMode::kReadWrite;
  if (bytes > 0) {
    const std::uint64_t before = offset % PageSize();
    map.mapped_ = bytes + before;
    const int protection =
        mode == MapMode::kRead ? PROT_READ : PROT_READ | PROT_WRITE;
    const int flags = mode == MapMode::kCopyOnWrite
                          ? MAP_PRIVATE | MAP_NORESERVE
                          : MAP_SHARED;
    void* const address = mmap(nullptr, map.mapped_, protection, flags,
                               file.fd(), static_cast<off_t>(offset - before));
    if (address == MAP_FAILED) {
      return absl::ResourceExhaustedError(absl::StrCat(
          ErrnoStatus(errno, absl::StrCat("map ", bytes, " bytes")).message(),
          " (address space: ulimit -v; number of maps: sysctl "
          "vm.max_map_count)"));
    }
    madvise(address, map.mapped_, MADV_DONTDUMP);
    map.address_ = address;
    map.data_ = static_cast<std::byte*>(address) + before;
  }
  map.fd_ = KeptDescriptor(fcntl(file.fd(), F_DUPFD_CLOEXEC, 3));
  if (map.fd() < 0) return ErrnoStatus(errno, "keep a descriptor");
  return map;
}

absl::StatusOr<FileMap> FileMap::Anonymous(std::size_t bytes) {
  if (bytes == 0) return FileMap();
  absl::StatusOr<SharedMemory> memory =
      SharedMemory::Create("joblib-array", bytes);
  if (!memory.ok()) return memory.status();
  if (absl::Status room = memory->Reserve(0, memory->bytes()); !room.ok()) {
    return room;
  }
  FileMap map;
  map.fd_ = KeptDescriptor(fcntl(memory->fd(), F_DUPFD_CLOEXEC, 3));
  if (map.fd() < 0) return ErrnoStatus(errno, "keep a descriptor");
  void* const address = mmap(nullptr, memory->bytes(), PROT_READ | PROT_WRITE,
                             MAP_SHARED, map.fd(), 0);
  if (address == MAP_FAILED) {
    return ErrnoStatus(errno, absl::StrCat("map ", bytes, " bytes"));
  }
  madvise(address, memory->bytes(), MADV_DONTDUMP);
  map.address_ = address;
  map.mapped_ = memory->bytes();
  map.data_ = static_cast<std::byte*>(address);
  map.bytes_ = bytes;
  return map;
}

absl::Status FileMap::SetAccess(bool any) const {
  if (address_ == nullptr) return absl::OkStatus();
  if (mprotect(address_, mapped_, any ? PROT_READ | PROT_WRITE : PROT_NONE) !=
      0) {
    return ErrnoStatus(errno, "change the access to a map");
  }
  return absl::OkStatus();
}

absl::Status FileMap::Flush() const {
  if (!writes_file_ || address_ == nullptr) return absl::OkStatus();
  if (msync(address_, mapped_, MS_SYNC) != 0) {
    return ErrnoStatus(errno, "msync");
  }
  return absl::OkStatus();
}

}  // namespace joblib::native
