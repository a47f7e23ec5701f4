#include <dlfcn.h>
#include <elf.h>
#include <link.h>

#include <cstdint>
#include <cstring>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "native/first_copy.h"

namespace joblib::native {
namespace {

struct Copy {
  const void* table = nullptr;
  std::string_view version;
};

// The description of a note: how far the table is from here, then the version.
Copy Described(const char* description, std::size_t bytes) {
  std::int64_t distance;
  if (bytes <= sizeof distance) return {};
  std::memcpy(&distance, description, sizeof distance);
  const char* const version = description + sizeof distance;
  return {description + distance,
          {version, strnlen(version, bytes - sizeof distance)}};
}

Copy CopyIn(const char* notes, std::size_t bytes, std::size_t alignment,
            std::string_view name) {
  const auto padded = [alignment](std::size_t n) {
    return (n + alignment - 1) / alignment * alignment;
  };
  while (bytes >= sizeof(ElfW(Nhdr))) {
    ElfW(Nhdr) note;
    std::memcpy(&note, notes, sizeof note);
    const std::size_t description = sizeof note + padded(note.n_namesz);
    const std::size_t end = description + padded(note.n_descsz);
    if (description + note.n_descsz > bytes) break;
    // With its zero.
    if (note.n_namesz == name.size() + 1 &&
        std::string_view(notes + sizeof note, name.size()) == name) {
      return Described(notes + description, note.n_descsz);
    }
    if (end >= bytes) break;
    notes += end;
    bytes -= end;
  }
  return {};
}

Copy CopyIn(const dl_phdr_info& info, std::string_view name) {
  for (int i = 0; i < info.dlpi_phnum; ++i) {
    const ElfW(Phdr)& segment = info.dlpi_phdr[i];
    if (segment.p_type != PT_NOTE) continue;
    const Copy copy =
        CopyIn(reinterpret_cast<const char*>(info.dlpi_addr + segment.p_vaddr),
               segment.p_memsz, segment.p_align == 8 ? 8 : 4, name);
    if (copy.table != nullptr) return copy;
  }
  return {};
}

std::string ModuleOf(const void* address) {
  Dl_info info;
  return dladdr(address, &info) != 0 && info.dli_fname[0] != '\0'
             ? info.dli_fname
             : "the program";
}

void Pin(const void* address) {
  Dl_info info;
  void* extra = nullptr;
  if (dladdr1(address, &info, &extra, RTLD_DL_LINKMAP) == 0) return;
  const auto* const module = static_cast<const link_map*>(extra);
  // The program itself has no name, and never goes.
  if (module == nullptr || module->l_name[0] == '\0') return;
  dlopen(module->l_name, RTLD_LAZY | RTLD_NOLOAD | RTLD_NODELETE);
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
        that.found = CopyIn(*info, that.name);
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
  Pin(first.table);
  return first.table;
}

}  // namespace joblib::native
