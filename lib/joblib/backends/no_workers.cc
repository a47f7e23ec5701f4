// Where there are no processes.
#include "joblib/backends/builtin_workers.h"

namespace joblib::internal {

void ConnectWorkers() {}

}  // namespace joblib::internal
