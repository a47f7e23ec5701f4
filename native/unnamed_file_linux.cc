#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

#include "absl/strings/str_cat.h"
#include "native/descriptor.h"
#include "native/errno_status.h"
#include "native/unnamed_file.h"

namespace joblib::native {

absl::StatusOr<MappedFile> OpenUnnamedFile(const std::string& folder) {
  int fd =
      AboveStandard(open(folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  if (fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR || errno == ENOENT)) {
    std::string path = absl::StrCat(folder, "/joblib-XXXXXX");
    fd = AboveStandard(mkostemp(path.data(), O_CLOEXEC));
    if (fd >= 0) unlink(path.c_str());
  }
  if (fd < 0) {
    return ErrnoStatus(errno, absl::StrCat("make a file in ", folder));
  }
  return MappedFile(fd, 0);
}

absl::StatusOr<MappedFile> AdoptFile(int fd, std::uint64_t bytes) {
  MappedFile file(fd, 0);
  struct stat info = {};
  if (fstat(fd, &info) != 0) return ErrnoStatus(errno, "fstat");
  if (!S_ISREG(info.st_mode) || info.st_size < 0 ||
      static_cast<std::uint64_t>(info.st_size) < bytes) {
    return absl::FailedPreconditionError(
        absl::StrCat("a file of ", info.st_size, " bytes, of which ", bytes,
                     " are to be mapped"));
  }
  return file;
}

std::optional<std::uint64_t> FreeBytes(const std::string& folder) {
  struct statvfs space = {};
  if (statvfs(folder.c_str(), &space) != 0) return std::nullopt;
  return std::uint64_t{space.f_bavail} * space.f_frsize;
}

absl::Status MakeFolder(const std::string& folder) {
  for (std::size_t end = 1; end != std::string::npos;) {
    end = folder.find('/', end);
    const std::string above = folder.substr(0, end);
    if (mkdir(above.c_str(), 0700) != 0 && errno != EEXIST && errno != EROFS &&
        errno != EACCES) {
      return ErrnoStatus(errno, absl::StrCat("make the folder ", above));
    }
    if (end != std::string::npos) ++end;
  }
  struct stat info = {};
  if (stat(folder.c_str(), &info) != 0) {
    return ErrnoStatus(errno, absl::StrCat("make the folder ", folder));
  }
  if (!S_ISDIR(info.st_mode)) {
    return absl::FailedPreconditionError(
        absl::StrCat(folder, " is not a folder"));
  }
  return absl::OkStatus();
}

}  // namespace joblib::native
