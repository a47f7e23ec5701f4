#include <elf.h>
#include <link.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstring>
#include <initializer_list>

#include "native/program_slot.h"

namespace joblib::native {
namespace {

// What the program's dynamic section says of its relocations.
struct Relocations {
  std::uintptr_t base = 0;
  const ElfW(Sym) * symbols = nullptr;
  const char* names = nullptr;
  std::uintptr_t data = 0, calls = 0;  // Two tables: DT_REL(A), DT_JMPREL.
  std::size_t data_bytes = 0, calls_bytes = 0;
  bool calls_have_addends = true;
  bool data_have_addends = true;
};

Relocations Read(const dl_phdr_info& program, const ElfW(Dyn) * dynamic) {
  Relocations all = {.base = program.dlpi_addr};
  // Some architectures leave the addresses as they are in the file.
  const auto here = [&all](std::uintptr_t address) {
    return address >= all.base ? address : address + all.base;
  };
  for (; dynamic->d_tag != DT_NULL; ++dynamic) {
    const std::uintptr_t value = dynamic->d_un.d_val;
    switch (dynamic->d_tag) {
      case DT_SYMTAB:
        all.symbols = reinterpret_cast<const ElfW(Sym)*>(here(value));
        break;
      case DT_STRTAB:
        all.names = reinterpret_cast<const char*>(here(value));
        break;
      case DT_REL:
      case DT_RELA:
        all.data = here(value);
        all.data_have_addends = dynamic->d_tag == DT_RELA;
        break;
      case DT_RELSZ:
      case DT_RELASZ:
        all.data_bytes = value;
        break;
      case DT_JMPREL:
        all.calls = here(value);
        break;
      case DT_PLTRELSZ:
        all.calls_bytes = value;
        break;
      case DT_PLTREL:
        all.calls_have_addends = value == DT_RELA;
        break;
      default:
        break;
    }
  }
  return all;
}

std::size_t SymbolIndex(std::uint64_t info) {
  return sizeof(ElfW(Addr)) == 8 ? info >> 32 : info >> 8;
}

template <typename Record>
std::uintptr_t* FindIn(const Relocations& all, std::uintptr_t table,
                       std::size_t bytes, const char* function) {
  const auto* const records = reinterpret_cast<const Record*>(table);
  for (std::size_t i = 0; i < bytes / sizeof(Record); ++i) {
    const std::size_t symbol = SymbolIndex(records[i].r_info);
    if (symbol == 0) continue;
    const char* const name = all.names + all.symbols[symbol].st_name;
    if (std::strcmp(name, function) == 0) {
      return reinterpret_cast<std::uintptr_t*>(all.base + records[i].r_offset);
    }
  }
  return nullptr;
}

std::uintptr_t* FindSlot(const Relocations& all, const char* function) {
  if (all.symbols == nullptr || all.names == nullptr) return nullptr;
  for (const bool calls : {true, false}) {
    const std::uintptr_t table = calls ? all.calls : all.data;
    const std::size_t bytes = calls ? all.calls_bytes : all.data_bytes;
    const bool addends = calls ? all.calls_have_addends : all.data_have_addends;
    std::uintptr_t* const slot =
        addends ? FindIn<ElfW(Rela)>(all, table, bytes, function)
                : FindIn<ElfW(Rel)>(all, table, bytes, function);
    if (slot != nullptr) return slot;
  }
  return nullptr;
}

struct Search {
  const char* function;
  std::uintptr_t* slot = nullptr;
  bool is_read_only = false;  // PT_GNU_RELRO.
};

// Called for the program, which comes first, and for nothing else.
int SearchProgram(dl_phdr_info* program, std::size_t, void* data) {
  auto& search = *static_cast<Search*>(data);
  for (int i = 0; i < program->dlpi_phnum; ++i) {
    const ElfW(Phdr)& segment = program->dlpi_phdr[i];
    if (segment.p_type != PT_DYNAMIC) continue;
    search.slot =
        FindSlot(Read(*program, reinterpret_cast<const ElfW(Dyn)*>(
                                    program->dlpi_addr + segment.p_vaddr)),
                 search.function);
  }
  const auto slot = reinterpret_cast<std::uintptr_t>(search.slot);
  for (int i = 0; i < program->dlpi_phnum; ++i) {
    const ElfW(Phdr)& segment = program->dlpi_phdr[i];
    const std::uintptr_t begin = program->dlpi_addr + segment.p_vaddr;
    search.is_read_only |= segment.p_type == PT_GNU_RELRO && slot >= begin &&
                           slot - begin < segment.p_memsz;
  }
  return 1;
}

}  // namespace

std::uintptr_t ReplaceInProgram(const char* function, std::uintptr_t address) {
  Search search = {.function = function};
  dl_iterate_phdr(&SearchProgram, &search);
  if (search.slot == nullptr) return 0;
  const auto page = static_cast<std::uintptr_t>(sysconf(_SC_PAGESIZE));
  void* const first = reinterpret_cast<void*>(
      reinterpret_cast<std::uintptr_t>(search.slot) / page * page);
  if (search.is_read_only &&
      mprotect(first, page, PROT_READ | PROT_WRITE) != 0) {
    return 0;
  }
  const std::uintptr_t old = *search.slot;
  *search.slot = address;
  if (search.is_read_only) mprotect(first, page, PROT_READ);
  return old;
}

}  // namespace joblib::native
