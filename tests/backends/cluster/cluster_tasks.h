// Tasks for the workers of a cluster, and what tells of their processes.
#ifndef JOBLIB_TESTS_BACKENDS_CLUSTER_CLUSTER_TASKS_H_
#define JOBLIB_TESTS_BACKENDS_CLUSTER_CLUSTER_TASKS_H_

#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <thread>

namespace joblib::testing {

inline int Twice(int x) { return 2 * x; }
inline std::int64_t PidAfter(int milliseconds) {
  std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds));
  return getpid();
}
inline int ThrowsAt3(int i) {
  if (i == 3) throw std::out_of_range("three");
  return i;
}
inline int CrashesAt3(int i) {
  if (i == 3) raise(SIGSEGV);
  return i;
}
inline int ExitsAt3(int i) {
  if (i == 3) _exit(7);
  return i;
}
// The first one to come makes the file and says true.
inline bool IsFirst(const std::string& file) {
  std::FILE* const made = std::fopen(file.c_str(), "wx");
  if (made == nullptr) return false;
  std::fclose(made);
  return true;
}
inline int CrashesOnce(int i, const std::string& file) {
  if (IsFirst(file)) std::abort();
  return i;
}
// Kills the engine's worker, whose child this process is.
inline int KillsItsWorkerOnce(int i, const std::string& file) {
  if (IsFirst(file)) {
    kill(getppid(), SIGKILL);
    for (;;) pause();
  }
  return i;
}
inline int Leaves(int milliseconds, const std::string& folder, int i) {
  std::ofstream(folder + "/" + std::to_string(i)).put('.');
  PidAfter(milliseconds);
  std::ofstream(folder + "/ended" + std::to_string(i)).put('.');
  return i;
}

inline int FilesIn(const std::string& folder) {
  int n = 0;
  for ([[maybe_unused]] const auto& file :
       std::filesystem::directory_iterator(folder)) {
    ++n;
  }
  return n;
}

// Processes whose command line has `text` in it.
inline int ProcessesWith(const std::string& text) {
  int n = 0;
  std::error_code error;
  for (const auto& process :
       std::filesystem::directory_iterator("/proc", error)) {
    std::ifstream file(process.path() / "cmdline");
    std::string line;
    std::getline(file, line);
    if (line.find(text) != std::string::npos) ++n;
  }
  return n;
}

}  // namespace joblib::testing

#endif  // JOBLIB_TESTS_BACKENDS_CLUSTER_CLUSTER_TASKS_H_
