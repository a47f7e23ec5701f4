// What the pools of worker processes decide, on stderr, where JOBLIB_LOG is set
// to anything but "0":
//
//   joblib[4710] 0.004 s: starts worker process 4711
//
// Thread-safety: any thread. Seconds since the first line of this process.
#ifndef JOBLIB_BACKENDS_PROCESS_POOL_LOG_H_
#define JOBLIB_BACKENDS_PROCESS_POOL_LOG_H_

#include <string>

#include "absl/strings/str_cat.h"

namespace joblib::internal {

// Asked once.
bool LogsPools();
void WritePoolLog(const std::string& text);

template <class... Parts>
void LogPool(const Parts&... parts) {
  if (LogsPools()) WritePoolLog(absl::StrCat(parts...));
}

}  // namespace joblib::internal

#endif  // JOBLIB_BACKENDS_PROCESS_POOL_LOG_H_
