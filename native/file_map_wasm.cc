#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "native/errno_status.h"
#include "native/file_map.h"

namespace joblib::native {
namespace {

absl::StatusOr<std::byte*> Zeros(std::size_t bytes) {
  auto* const block = static_cast<std::byte*>(std::calloc(bytes, 1));
  if (block == nullptr) {
    return absl::ResourceExhaustedError(
        absl::StrCat(bytes, " bytes: no memory is left"));
  }
  return block;
}

}  // namespace

absl::StatusOr<MappedFile> MappedFile::Open(const std::string& path,
                                            FileUse use) {
  MappedFile file;
  int flags = use == FileUse::kRead ? O_RDONLY : O_RDWR;
  if (use == FileUse::kCreate) flags |= O_CREAT;
  file.fd_ = KeptDescriptor(open(path.c_str(), flags, 0666));
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
  const int same = dup(fd);
  if (same < 0) return ErrnoStatus(errno, "duplicate a descriptor");
  return MappedFile(same, bytes);
}

absl::Status MappedFile::Extend(std::uint64_t bytes) {
  if (bytes <= bytes_) return absl::OkStatus();
  if (ftruncate(fd(), static_cast<off_t>(bytes)) != 0) {
    return absl::ResourceExhaustedError(
        ErrnoStatus(errno, absl::StrCat("a file of ", bytes, " bytes"))
            .message());
  }
  bytes_ = bytes;
  return absl::OkStatus();
}

absl::Status MappedFile::Read(std::uint64_t offset, void* into,
                              std::size_t n) const {
  auto* at = static_cast<char*>(into);
  while (n > 0) {
    const ssize_t got = pread(fd(), at, n, static_cast<off_t>(offset));
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
  Flush().IgnoreError();  // As munmap(2), it has nobody to tell.
  std::free(address_);
}

absl::StatusOr<FileMap> FileMap::Map(MappedFile file, std::uint64_t offset,
                                     std::size_t bytes, MapMode mode) {
  FileMap map;
  map.bytes_ = bytes;
  map.offset_ = offset;
  map.writes_file_ = mode == MapMode::kReadWrite;
  if (bytes > 0) {
    absl::StatusOr<std::byte*> block = Zeros(bytes);
    if (!block.ok()) return block.status();
    map.address_ = *block;
    map.mapped_ = bytes;
    map.data_ = *block;
    if (absl::Status read = file.Read(offset, *block, bytes); !read.ok()) {
      map.writes_file_ = false;
      return read;
    }
  }
  map.fd_ = KeptDescriptor(dup(file.fd()));
  if (map.fd() < 0) return ErrnoStatus(errno, "keep a descriptor");
  return map;
}

absl::StatusOr<FileMap> FileMap::Anonymous(std::size_t bytes) {
  FileMap map;
  if (bytes == 0) return map;
  absl::StatusOr<std::byte*> block = Zeros(bytes);
  if (!block.ok()) return block.status();
  map.address_ = *block;
  map.data_ = *block;
  map.bytes_ = bytes;
  return map;
}

absl::Status FileMap::SetAccess(bool /*any*/) const {
  return absl::UnimplementedError("WebAssembly has no pages without access");
}

absl::Status FileMap::Flush() const {
  if (!writes_file_ || data_ == nullptr) return absl::OkStatus();
  std::size_t done = 0;
  while (done < bytes_) {
    const ssize_t n = pwrite(fd(), data_ + done, bytes_ - done,
                             static_cast<off_t>(offset_ + done));
    if (n <= 0) return ErrnoStatus(n < 0 ? errno : EIO, "write a map back");
    done += static_cast<std::size_t>(n);
  }
  return absl::OkStatus();
}

}  // namespace joblib::native
