// Which processes live, by /proc: what a test asserts about worker processes
// without asking the library.
//
//   EXPECT_THAT(Children(), SizeIs(2));  // Exactly the workers.
//   EXPECT_TRUE(AllGone(pids));          // Waits for it.
//
// A zombie does not live. Linux only.
#ifndef JOBLIB_TESTS_BACKENDS_PROCESS_CHILDREN_H_
#define JOBLIB_TESTS_BACKENDS_PROCESS_CHILDREN_H_

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <system_error>
#include <vector>

#include "native/thread.h"
#include "tests/testing/eventually.h"

namespace joblib::testing {

struct ProcessState {
  char state = 0;  // As ps shows it; 0: there is no such process.
  std::int64_t parent = 0;
};

inline ProcessState StateOf(std::int64_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  std::string line;
  if (!std::getline(file, line)) return {};
  // "pid (any name) state parent ..."
  const std::size_t name_end = line.rfind(')');
  if (name_end == std::string::npos || name_end + 4 > line.size()) return {};
  return {line[name_end + 2], std::atoll(line.c_str() + name_end + 4)};
}

inline bool Lives(std::int64_t pid) {
  const char state = StateOf(pid).state;
  return state != 0 && state != 'Z' && state != 'X';
}

// In no order.
inline std::vector<std::int64_t> Children(
    std::int64_t parent = native::ProcessId()) {
  std::vector<std::int64_t> children;
  std::error_code error;
  for (const auto& entry :
       std::filesystem::directory_iterator("/proc", error)) {
    const std::int64_t pid = std::atoll(entry.path().filename().c_str());
    if (pid <= 0 || !Lives(pid)) continue;
    if (StateOf(pid).parent == parent) children.push_back(pid);
  }
  return children;
}

// False: some still live after `limit`.
inline bool AllGone(
    const std::vector<std::int64_t>& pids,
    std::chrono::milliseconds limit = std::chrono::seconds(20)) {
  return Eventually(
      [&] { return std::none_of(pids.begin(), pids.end(), Lives); }, limit);
}

}  // namespace joblib::testing

#endif  // JOBLIB_TESTS_BACKENDS_PROCESS_CHILDREN_H_
