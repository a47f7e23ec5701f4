// FirstCopy: where a process has several copies of this library (the program
// and a shared object that each link the archive, also with hidden symbols),
// the copy whose state all of them use.
//
//   extern "C" const Table my_table = ...;          // Per copy.
//   JOBLIB_COPY_NOTE("joblib.mine", "my_table", "0.1.0")
//   FirstCopy("joblib.mine", &my_table, "0.1.0")    // The same in all copies.
//
// Each copy has an ELF note that says where its table is: notes are found by
// dl_iterate_phdr(3), whatever the linker did with the symbols. The first is
// that of the module that was loaded first, the program before all: no later
// one can take its place, so that nothing has to be agreed on.
//
// Thread-safety: any thread, at any time, static constructors included.
#ifndef JOBLIB_NATIVE_FIRST_COPY_H_
#define JOBLIB_NATIVE_FIRST_COPY_H_

#include <string_view>

#include "absl/status/statusor.h"

#ifdef __ELF__
#define JOBLIB_MAY_HAVE_COPIES true
// Of the table: other copies ask for it, even if nobody here does.
#define JOBLIB_COPY_USED __attribute__((used))
// At namespace scope, in a .cc file. `symbol`: of a constant with C linkage and
// hidden visibility, marked as used.
#define JOBLIB_COPY_NOTE(name, symbol, version)            \
  asm(".pushsection .note.joblib,\"a\",%note\n.balign 4\n" \
      ".long 2f-1f\n.long 4f-3f\n.long 1\n"                \
      "1: .asciz \"" name                                  \
      "\"\n2: .balign 4\n"                                 \
      "3: .quad " symbol " - .\n.asciz \"" version         \
      "\"\n4: .balign 4\n"                                 \
      ".popsection\n");
#else
#define JOBLIB_MAY_HAVE_COPIES false
#define JOBLIB_COPY_USED
#define JOBLIB_COPY_NOTE(name, symbol, version)
#endif

namespace joblib::native {

// The first copy's table. If it is not `own`, its module is kept loaded for
// ever. Errors: FAILED_PRECONDITION: that copy is of another version; the text
// names both and where they are.
absl::StatusOr<const void*> FirstCopy(std::string_view name, const void* own,
                                      std::string_view version);

}  // namespace joblib::native

#endif  // JOBLIB_NATIVE_FIRST_COPY_H_
