// The word in which the program keeps the address of a library function that it
// calls (its global offset table): for main_hook alone.
#ifndef JOBLIB_NATIVE_PROGRAM_SLOT_H_
#define JOBLIB_NATIVE_PROGRAM_SLOT_H_

#include <cstdint>

namespace joblib::native {

// Writes `address` there in place of what there was, which is returned; calling
// that calls the function. 0: the program has no such word (it is static), or
// it cannot be written. Not thread-safe: before main() alone.
std::uintptr_t ReplaceInProgram(const char* function, std::uintptr_t address);

}  // namespace joblib::native

#endif  // JOBLIB_NATIVE_PROGRAM_SLOT_H_
