#include "native/processes.h"

namespace joblib::native {

bool HasProcesses() { return false; }

}  // namespace joblib::native
