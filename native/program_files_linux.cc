#include <link.h>
#include <unistd.h>

#include <cerrno>
#include <string_view>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "native/program_files.h"

namespace joblib::native {
namespace {

constexpr std::string_view kSystemFolders[] = {"/lib/", "/lib32/", "/lib64/",
                                               "/usr/lib/", "/usr/lib64/"};

int AddLibrary(dl_phdr_info* info, std::size_t, void* files) {
  const std::string_view path = info->dlpi_name;
  // Without a slash: the program itself, and what the kernel brings.
  const std::size_t slash = path.rfind('/');
  if (slash == std::string_view::npos) return 0;
  for (const std::string_view folder : kSystemFolders) {
    if (absl::StartsWith(path, folder)) return 0;
  }
  static_cast<std::vector<ProgramFile>*>(files)->push_back(
      {std::string(path.substr(slash + 1)), std::string(path)});
  return 0;
}

}  // namespace

std::vector<ProgramFile> ProgramFiles() {
  std::vector<ProgramFile> files = {
      {"", absl::StrCat("/proc/", getpid(), "/exe")}};
  dl_iterate_phdr(AddLibrary, &files);
  return files;
}

std::string ProgramName() { return program_invocation_short_name; }

}  // namespace joblib::native
