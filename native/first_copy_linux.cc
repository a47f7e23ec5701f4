#include <dlfcn.h>
#include <link.h>

#include <cstdint>
#include <cstring>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "native/elf_module.h"
#include "native/first_copy.h"

namespace joblib::native {
namespace {

constexpr std::uint32_t kCopyNote = 1;  // As JOBLIB_COPY_NOTE writes it.

struct Copy {
  const void* table = nullptr;
  std::string_view version;
};

// The description of a note: how far the table is from here, then the version.
Copy Described(std::string_view description) {
  std::int64_t distance;
  if (description.size() <= sizeof distance) return {};
  std::memcpy(&distance, description.data(), sizeof distance);
  const char* const version = description.data() + sizeof distance;
  return {description.data() + distance,
          {version, strnlen(version, description.size() - sizeof distance)}};
}

std::string ModuleOf(const void* address) {
  Dl_info info;
  return dladdr(address, &info) != 0 && info.dli_fname[0] != '\0'
             ? info.dli_fname
             : "the program";
}

}  // namespace

absl::StatusOr<const void*> FirstCopy(std::string_view name, const void* own,
                                      std::string_view version) {
  struct Search {
    std::string_view name;
    Copy found;
  } search = {name, {}};
  dl_iterate_phdr(
      [](dl_phdr_info* info, std::size_t, void* data) -> int {
        auto& that = *static_cast<Search*>(data);
        that.found = Described(FindNote(*info, that.name, kCopyNote));
        return that.found.table != nullptr ? 1 : 0;
      },
      &search);
  const Copy& first = search.found;
  // A linker that left the notes out: each copy for itself.
  if (first.table == nullptr || first.table == own) return own;
  if (first.version != version) {
    return absl::FailedPreconditionError(absl::StrCat(
        "there are two versions of joblib in this process, which would each "
        "have a configuration and a pool of its own: ",
        first.version, " in ", ModuleOf(first.table), " and ", version, " in ",
        ModuleOf(own), ". Link both with the same version."));
  }
  PinModuleOf(first.table);
  return first.table;
}

}  // namespace joblib::native
