// The text of a small file, such as the kernel's in /proc and /sys.
//
// Thread-safety: yes. The descriptor is close-on-exec.
#ifndef JOBLIB_NATIVE_READ_FILE_H_
#define JOBLIB_NATIVE_READ_FILE_H_

#include <optional>
#include <string>

namespace joblib::native {

// nullopt: it cannot be opened or read, or is above 16 MiB, no small file.
std::optional<std::string> ReadSmallFile(const std::string& path);

}  // namespace joblib::native

#endif  // JOBLIB_NATIVE_READ_FILE_H_
