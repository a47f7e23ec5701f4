// A loaded module (executable or shared object) as the system's loader knows
// it.
//
// Thread-safety: all functions. FindNote() is for use within
// dl_iterate_phdr(3).
#ifndef JOBLIB_NATIVE_ELF_MODULE_H_
#define JOBLIB_NATIVE_ELF_MODULE_H_

#include <link.h>

#include <cstdint>
#include <string_view>

namespace joblib::native {

// The description of the module's first note of that name and type; empty if it
// has none. elf(5).
std::string_view FindNote(const dl_phdr_info& module, std::string_view name,
                          std::uint32_t type);

// Keeps the module that `address` lies in loaded for ever. False where it has
// no name to be found by: the program itself, which never goes.
bool PinModuleOf(const void* address);

}  // namespace joblib::native

#endif  // JOBLIB_NATIVE_ELF_MODULE_H_
