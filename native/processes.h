// Whether this platform has processes at all.
#ifndef NATIVE_PROCESSES_H_
#define NATIVE_PROCESSES_H_

namespace joblib::native {

bool HasProcesses();  // WebAssembly has none.

}  // namespace joblib::native

#endif  // NATIVE_PROCESSES_H_
