#include "joblib/backends/process/pool_log.h"

#include <chrono>
#include <cstdio>
#include <string>

#include "absl/strings/str_format.h"
#include "native/environment.h"
#include "native/thread.h"

namespace joblib::internal {

bool LogsPools() {
  static const bool logs = native::GetEnv("JOBLIB_LOG").value_or("0") != "0";
  return logs;
}

void WritePoolLog(const std::string& text) {
  using Clock = std::chrono::steady_clock;
  static const Clock::time_point start = Clock::now();
  // One write: other threads and processes print, too.
  const std::string line = absl::StrFormat(
      "joblib[%d] %.3f s: %s\n", native::ProcessId(),
      std::chrono::duration<double>(Clock::now() - start).count(), text);
  std::fwrite(line.data(), 1, line.size(), stderr);
}

}  // namespace joblib::internal
