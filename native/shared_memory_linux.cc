#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdlib>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "native/descriptor.h"
#include "native/errno_status.h"
#include "native/shared_memory.h"

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U
#endif

namespace joblib::native {
namespace {

std::atomic<bool> refuse_memfd{false};

// F_SEAL_SEAL is left to SealContent, which needs one seal more. Until then a
// worker could add F_SEAL_WRITE or F_SEAL_FUTURE_WRITE; the first is refused
// while anybody has a writeable mapping, the second spoils only mappings made
// later, never one that is there.
constexpr int kSizeSeals = F_SEAL_SHRINK | F_SEAL_GROW;

std::size_t PageSize() {
  static const auto size = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  return size;
}

int MemfdCreate(const std::string& name) {
  if (refuse_memfd.load(std::memory_order_relaxed)) {
    errno = ENOSYS;
    return -1;
  }
  const std::string short_name = name.substr(0, 200);  // The kernel's: 249.
  constexpr unsigned kFlags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
  // Where vm.memfd_noexec is 2, all others are refused; old kernels don't know
  // the flag.
  const int fd = memfd_create(short_name.c_str(), kFlags | MFD_NOEXEC_SEAL);
  if (fd >= 0 || errno != EINVAL) return fd;
  return memfd_create(short_name.c_str(), kFlags);
}

// An unlinked file in `folder`; -1 and errno.
int UnlinkedFile(const std::string& folder) {
  const int fd = open(folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  if (fd >= 0) return fd;
  std::string path = absl::StrCat(folder, "/joblib-XXXXXX");
  const int named = mkostemp(path.data(), O_CLOEXEC);
  if (named >= 0) unlink(path.c_str());
  return named;
}

// 0 or errno.
int Allocate(int fd, std::size_t offset, std::size_t n) {
  while (fallocate(fd, 0, static_cast<off_t>(offset), static_cast<off_t>(n)) !=
         0) {
    if (errno != EINTR) return errno;
  }
  return 0;
}

// A file that can keep room for what is written to it.
absl::StatusOr<int> CreateFile(std::size_t bytes) {
  const char* const temp = std::getenv("TMPDIR");
  int error = ENOENT;
  for (const char* const folder : {"/dev/shm", temp, "/tmp"}) {
    if (folder == nullptr) continue;
    const int fd = UnlinkedFile(folder);
    if (fd < 0) {
      error = errno;
      continue;
    }
    if (ftruncate(fd, static_cast<off_t>(bytes)) != 0) {
      error = errno;
    } else {
      error = Allocate(fd, 0, PageSize());
      if (error == 0) return fd;
    }
    close(fd);
  }
  return ErrnoStatus(error, absl::StrCat("make a file of ", bytes,
                                         " bytes in /dev/shm, TMPDIR or /tmp"));
}

bool IsMemfd(int fd) {
  char target[64] = {};
  const std::string link = absl::StrCat("/proc/self/fd/", fd);
  return readlink(link.c_str(), target, sizeof target - 1) > 0 &&
         absl::StartsWith(target, "/memfd:");
}

// Gives *bytes, if it is 0, the size that there is.
absl::Status CheckAdopted(int fd, std::size_t* bytes) {
  const int seals = fcntl(fd, F_GET_SEALS);
  // A tmpfs file has seals as well, none of these; others have no such thing.
  const bool sealed = seals >= 0 && (seals & kSizeSeals) == kSizeSeals;
  if (!sealed && IsMemfd(fd)) {
    return absl::FailedPreconditionError(
        "shared memory whose size is not sealed");
  }
  struct stat info = {};
  if (fstat(fd, &info) != 0) return ErrnoStatus(errno, "fstat");
  if (!S_ISREG(info.st_mode)) {
    return absl::FailedPreconditionError("a descriptor of no memory or file");
  }
  if (*bytes == 0 && info.st_size > 0) {
    *bytes = static_cast<std::size_t>(info.st_size);
  }
  if (info.st_size < 0 || static_cast<std::size_t>(info.st_size) != *bytes) {
    return absl::FailedPreconditionError(absl::StrCat(
        "shared memory of ", info.st_size, " bytes instead of ", *bytes));
  }
  return absl::OkStatus();
}

absl::Status MapError(int error, std::size_t bytes) {
  return absl::ResourceExhaustedError(absl::StrCat(
      ErrnoStatus(error, absl::StrCat("map ", bytes, " bytes")).message(),
      " (address space: ulimit -v; number of maps: sysctl vm.max_map_count)"));
}

}  // namespace

absl::StatusOr<SharedMemory> SharedMemory::Create(const std::string& name,
                                                  std::size_t bytes) {
  const std::size_t pages = (bytes + PageSize() - 1) / PageSize();
  bytes = pages * PageSize();
  // Asked before: ftruncate beyond it is a SIGXFSZ, for a memfd as well.
  rlimit limit = {};
  if (getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur < bytes) {
    return absl::ResourceExhaustedError(
        absl::StrCat("shared memory of ", bytes,
                     " bytes: RLIMIT_FSIZE (ulimit -f) is ", limit.rlim_cur));
  }
  SharedMemory memory;
  memory.bytes_ = bytes;
  memory.fd_ = KeptDescriptor(AboveStandard(MemfdCreate(name)));
  if (memory.fd() < 0) {
    if (errno != ENOSYS && errno != EPERM && errno != EACCES) {
      return ErrnoStatus(errno, absl::StrCat("memfd_create ", name));
    }
    absl::StatusOr<int> file = CreateFile(bytes);
    if (!file.ok()) return file.status();
    memory.anonymous_ = false;
    memory.fd_ = KeptDescriptor(AboveStandard(*file));
    return memory;
  }
  if (ftruncate(memory.fd(), static_cast<off_t>(bytes)) != 0) {
    return ErrnoStatus(errno, absl::StrCat("memfd of ", bytes, " bytes"));
  }
  if (fcntl(memory.fd(), F_ADD_SEALS, kSizeSeals) != 0) {
    return ErrnoStatus(errno, "seal a memfd");
  }
  return memory;
}

absl::StatusOr<SharedMemory> SharedMemory::Adopt(int fd, std::size_t bytes) {
  SharedMemory memory;
  memory.fd_ = KeptDescriptor(fd);
  memory.bytes_ = bytes;
  const int seals = fcntl(fd, F_GET_SEALS);
  memory.anonymous_ = seals >= 0 && (seals & kSizeSeals) == kSizeSeals;
  absl::Status checked = CheckAdopted(fd, &memory.bytes_);
  if (!checked.ok()) return checked;
  return memory;
}

absl::Status SharedMemory::Reserve(std::size_t offset, std::size_t n) const {
  if (anonymous_ || n == 0) return absl::OkStatus();
  const int error = Allocate(fd(), offset, n);
  if (error == 0) return absl::OkStatus();
  return absl::ResourceExhaustedError(
      ErrnoStatus(error, absl::StrCat("reserve ", n, " bytes of a file"))
          .message());
}

void SharedMemory::Discard(std::size_t offset, std::size_t n) const {
  const std::size_t from = (offset + PageSize() - 1) / PageSize() * PageSize();
  const std::size_t to = (offset + n) / PageSize() * PageSize();
  if (from >= to || !IsOurs()) return;
  while (fallocate(fd(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                   static_cast<off_t>(from),
                   static_cast<off_t>(to - from)) != 0 &&
         errno == EINTR) {
  }
}

absl::Status SharedMemory::SealContent() const {
  if (!anonymous_) return absl::OkStatus();
  if (fcntl(fd(), F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SEAL) != 0) {
    return ErrnoStatus(errno, "seal a memfd against writing");
  }
  return absl::OkStatus();
}

void SharedMemory::RefuseMemfdForTest(bool refuse) { refuse_memfd = refuse; }

Mapping& Mapping::operator=(Mapping&& other) noexcept {
  std::swap(address_, other.address_);
  std::swap(bytes_, other.bytes_);
  return *this;
}

Mapping::~Mapping() {
  if (address_ != nullptr) munmap(address_, bytes_);
}

absl::StatusOr<Mapping> Mapping::Map(const SharedMemory& memory,
                                     std::size_t offset, std::size_t bytes,
                                     Access access) {
  const int protection =
      access == Access::kRead ? PROT_READ : PROT_READ | PROT_WRITE;
  void* const address = mmap(nullptr, bytes, protection, MAP_SHARED,
                             memory.fd(), static_cast<off_t>(offset));
  if (address == MAP_FAILED) return MapError(errno, bytes);
  madvise(address, bytes, MADV_DONTDUMP);
  Mapping mapping;
  mapping.address_ = address;
  mapping.bytes_ = bytes;
  return mapping;
}

absl::StatusOr<Mapping> Mapping::MapPieces(const SharedMemory& memory,
                                           const Piece* pieces,
                                           std::size_t n_pieces) {
  Mapping mapping;
  std::size_t bytes = 0;
  for (std::size_t i = 0; i < n_pieces; ++i) bytes += pieces[i].bytes;
  void* const all = mmap(nullptr, bytes, PROT_NONE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (all == MAP_FAILED) return MapError(errno, bytes);
  mapping.address_ = all;
  mapping.bytes_ = bytes;
  std::byte* at = mapping.data();
  for (std::size_t i = 0; i < n_pieces; ++i) {
    if (mmap(at, pieces[i].bytes, PROT_NONE, MAP_SHARED | MAP_FIXED,
             memory.fd(), static_cast<off_t>(pieces[i].offset)) == MAP_FAILED) {
      return MapError(errno, bytes);
    }
    at += pieces[i].bytes;
  }
  // A program that called mlockall(MCL_FUTURE) would get every page of it now.
  munlock(all, bytes);
  if (mprotect(all, bytes, PROT_READ | PROT_WRITE) != 0) {
    return MapError(errno, bytes);
  }
  madvise(all, bytes, MADV_DONTDUMP);
  return mapping;
}

}  // namespace joblib::native
