// Files without a name: gone with their last descriptor and map, however their
// processes end.
//
// Thread-safety: all functions.
#ifndef JOBLIB_NATIVE_UNNAMED_FILE_H_
#define JOBLIB_NATIVE_UNNAMED_FILE_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "native/file_map.h"

namespace joblib::native {

// A file of mode 0600 in `folder`, empty. Where the filesystem has no O_TMPFILE
// it has a name for a moment. Errors: as MappedFile::Open, naming the folder.
absl::StatusOr<MappedFile> OpenUnnamedFile(const std::string& folder);

// A file that came from another process; takes the descriptor over. Errors:
// FAILED_PRECONDITION: no file, or one of other than `bytes` bytes at least.
absl::StatusOr<MappedFile> AdoptFile(int fd, std::uint64_t bytes);

// What an unprivileged user could still write there; nothing if there is no
// such folder.
std::optional<std::uint64_t> FreeBytes(const std::string& folder);

// Makes the folder, 0700, and those above it. Errors: those of mkdir(2).
absl::Status MakeFolder(const std::string& folder);

}  // namespace joblib::native

#endif  // JOBLIB_NATIVE_UNNAMED_FILE_H_
