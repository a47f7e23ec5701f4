#include "joblib/backends/process/temp_folder.h"

#include <algorithm>
#include <cstdint>

namespace joblib::internal {
namespace {

// joblib's SYSTEM_SHARED_MEM_FS_MIN_SIZE.
constexpr std::uint64_t kMinShmBytes = 2'000'000'000;

}  // namespace

std::vector<std::string> TempFolders(
    const std::string& argument,
    const std::function<std::optional<std::string>(const char*)>& environment,
    std::optional<std::uint64_t> free_in_shm) {
  std::vector<std::string> folders;
  const auto add = [&](std::string folder) {
    if (folder.empty()) return;
    if (folder == "~" || folder.substr(0, 2) == "~/") {
      folder = environment("HOME").value_or("") + folder.substr(1);
    }
    if (std::find(folders.begin(), folders.end(), folder) == folders.end()) {
      folders.push_back(std::move(folder));
    }
  };
  add(argument);
  if (argument.empty()) add(environment("JOBLIB_TEMP_FOLDER").value_or(""));
  if (free_in_shm.value_or(0) > kMinShmBytes) add("/dev/shm");
  for (const char* const name : {"TMPDIR", "TEMP", "TMP"}) {
    add(environment(name).value_or(""));
  }
  add("/tmp");
  return folders;
}

}  // namespace joblib::internal
