// A function (or a constant) as another process of the same program finds it:
// which module (executable or shared object), and how far from where that is
// loaded.
//
//   absl::StatusOr<CodeAddress> there = LocateCode(address);
//   absl::StatusOr<const void*> here = ResolveCode(*there);   // In the worker.
//
// Thread-safety: all functions. Each thread remembers the last few answers: 5
// ns for code of the program, 25 ns for a library's (has any been unloaded
// since?), some microseconds for the first address of a module.
#ifndef JOBLIB_NATIVE_CODE_ADDRESS_H_
#define JOBLIB_NATIVE_CODE_ADDRESS_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace joblib::native {

struct CodeAddress {
  std::uint64_t module = 0;  // FNV-1a of the build-id; never 0.
  std::uint64_t offset = 0;  // From the module's load address.
  friend bool operator==(const CodeAddress&, const CodeAddress&) = default;
};

// Where a module without a build-id is identified by device, inode, size, mtime
// and a hash of its text segment.
struct Module {
  std::uint64_t id = 0;
  std::string path;     // Empty: the program itself.
  std::string version;  // Build-id in hex, or what stands for it.
};

// Errors: NOT_FOUND: in no loaded module (code made at run time).
absl::StatusOr<CodeAddress> LocateCode(const void* address);
// Errors: NOT_FOUND: no loaded module has that id; OUT_OF_RANGE: the offset is
// outside of its code.
absl::StatusOr<const void*> ResolveCode(CodeAddress address);
// The same for a constant: data that the module's file holds. `bytes`: how many
// of them have to be the module's.
absl::StatusOr<CodeAddress> LocateConstant(const void* constant);
absl::StatusOr<const void*> ResolveConstant(CodeAddress address,
                                            std::size_t bytes);
// Of a module that Locate... named. Errors: NOT_FOUND.
absl::StatusOr<Module> FindModule(std::uint64_t id);
// Makes sure that `module` is loaded here, by dlopen if need be. Errors:
// FAILED_PRECONDITION: the file at its path is another version now, or can't be
// loaded; the text says which and why.
absl::Status OpenModule(const Module& module);

}  // namespace joblib::native

#endif  // JOBLIB_NATIVE_CODE_ADDRESS_H_
