// The files that this program is made of, for a machine that has none of them.
//
// Thread-safety: yes.
#ifndef JOBLIB_NATIVE_PROGRAM_FILES_H_
#define JOBLIB_NATIVE_PROGRAM_FILES_H_

#include <string>
#include <vector>

namespace joblib::native {

struct ProgramFile {
  std::string name;  // What the loader looks for; empty: the program itself.
  std::string path;  // Valid while this process runs.
};

// The program first (the very file that runs, even if it was replaced), then
// the shared objects that it has loaded from outside of the system's folders
// (/lib, /usr/lib and the like, which every machine has of its own).
std::vector<ProgramFile> ProgramFiles();

// As it was called, without folders.
std::string ProgramName();

}  // namespace joblib::native

#endif  // JOBLIB_NATIVE_PROGRAM_FILES_H_
