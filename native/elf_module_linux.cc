#include <dlfcn.h>
#include <elf.h>

#include <cstddef>
#include <cstring>

#include "native/elf_module.h"

namespace joblib::native {
namespace {

std::string_view FindNote(std::string_view notes, std::size_t alignment,
                          std::string_view name, std::uint32_t type) {
  const auto padded = [alignment](std::size_t n) {
    return (n + alignment - 1) / alignment * alignment;
  };
  while (notes.size() >= sizeof(ElfW(Nhdr))) {
    ElfW(Nhdr) note;
    std::memcpy(&note, notes.data(), sizeof note);
    const std::size_t description = sizeof note + padded(note.n_namesz);
    const std::size_t end = description + padded(note.n_descsz);
    if (description + note.n_descsz > notes.size()) break;
    // With its zero.
    if (note.n_type == type && note.n_namesz == name.size() + 1 &&
        notes.substr(sizeof note, name.size()) == name) {
      return notes.substr(description, note.n_descsz);
    }
    if (end >= notes.size()) break;
    notes.remove_prefix(end);
  }
  return {};
}

}  // namespace

std::string_view FindNote(const dl_phdr_info& module, std::string_view name,
                          std::uint32_t type) {
  for (int i = 0; i < module.dlpi_phnum; ++i) {
    const ElfW(Phdr)& segment = module.dlpi_phdr[i];
    if (segment.p_type != PT_NOTE) continue;
    const std::string_view found = FindNote(
        {reinterpret_cast<const char*>(module.dlpi_addr + segment.p_vaddr),
         segment.p_memsz},
        segment.p_align == 8 ? 8 : 4, name, type);
    if (!found.empty()) return found;
  }
  return {};
}

bool PinModuleOf(const void* address) {
  Dl_info info;
  void* extra = nullptr;
  // 0: a static program.
  if (dladdr1(address, &info, &extra, RTLD_DL_LINKMAP) == 0) return false;
  const auto* const module = static_cast<const link_map*>(extra);
  if (module == nullptr || module->l_name[0] == '\0') return false;
  return dlopen(module->l_name, RTLD_LAZY | RTLD_NOLOAD | RTLD_NODELETE) !=
         nullptr;
}

}  // namespace joblib::native
