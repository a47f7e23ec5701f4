// Whether this platform has processes at all.
#ifndef JOBLIB_NATIVE_PROCESSES_H_
#define JOBLIB_NATIVE_PROCESSES_H_

namespace joblib::native {

bool HasProcesses();  // WebAssembly has none.

}  // namespace joblib::native

#endif  // JOBLIB_NATIVE_PROCESSES_H_
