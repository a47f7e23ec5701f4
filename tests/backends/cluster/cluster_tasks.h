// Tasks for the workers of a cluster, and what tells of their processes.
#ifndef JOBLIB_TESTS_BACKENDS_CLUSTER_CLUSTER_TASKS_H_
#define JOBLIB_TESTS_BACKENDS_CLUSTER_CLUSTER_TASKS_H_

#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "joblib/joblib.h"

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
// Adds `n` to the number in a file, of which there are many users, and returns
// what it is then.
inline std::int64_t AddTo(const std::string& file, std::int64_t n) {
  const int fd = open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  std::int64_t number = 0;
  if (fd < 0 || flock(fd, LOCK_EX) != 0 ||
      pread(fd, &number, sizeof number, 0) < 0) {
    std::abort();
  }
  number += n;
  if (pwrite(fd, &number, sizeof number, 0) != sizeof number) std::abort();
  close(fd);
  return number;
}
inline int Leaves(int milliseconds, const std::string& folder, int i) {
  std::ofstream(folder + "/" + std::to_string(i)).put('.');
  PidAfter(milliseconds);
  std::ofstream(folder + "/ended" + std::to_string(i)).put('.');
  return i;
}

// The array 0, 1, 2, ...
inline Array<double> Counted(std::int64_t n) {
  auto array = Array<double>::zeros({n});
  double next = 0;
  for (double& x : array.mutable_span()) x = next++;
  return array;
}

// What a task sees of an array.
struct SeenArray {
  std::int64_t pid = 0, bytes = 0;
  double sum = 0;
  std::string mode, file;  // The file that is mapped where its elements lie.
  bool writeable = false;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(pid, bytes, sum, mode, file, writeable);
  }
};
inline SeenArray LookAt(const Array<double>& array, int milliseconds) {
  SeenArray seen;
  seen.pid = PidAfter(milliseconds);
  seen.bytes = array.nbytes();
  for (const double x : array) seen.sum += x;
  seen.mode = array.mmap_mode();
  seen.writeable = array.writeable();
  const auto at = reinterpret_cast<std::uintptr_t>(&array(0));
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    std::uintptr_t begin = 0, end = 0;
    int name = 0;
    char inode[32] = "";
    std::sscanf(line.c_str(), "%lx-%lx %*s %*s %*s %31s %n", &begin, &end,
                inode, &name);
    if (begin <= at && at < end) {
      seen.file = std::string(inode) + " " + line.substr(name);
    }
  }
  return seen;
}
// Adds `n` to the first element and returns it.
inline double WritesFirst(Array<double> array, int n) {
  return array.mutable_view()(0) += n;
}
inline Array<double> ArrayOf(int value, std::int64_t n) {
  auto array = Array<double>::zeros({n});
  for (double& x : array.mutable_span()) x = value;
  return array;
}

// Counts how often this process has decoded one.
struct Numbers {
  std::vector<double> values;
  inline static int decoded = 0;
  template <class Archive>
  void load(Archive& archive) {
    archive(values);
    ++decoded;
  }
  template <class Archive>
  void save(Archive& archive) const {
    archive(values);
  }
};
inline std::int64_t DecodedTimes(const Shared<Numbers>& numbers, int) {
  PidAfter(5);
  return numbers->values.size() == 1 << 20 ? Numbers::decoded : -1;
}

inline int FilesIn(const std::string& folder) {
  int n = 0;
  for ([[maybe_unused]] const auto& file :
       std::filesystem::directory_iterator(folder)) {
    ++n;
  }
  return n;
}

// The processes whose command line has `text` in it.
inline std::vector<std::int64_t> PidsWith(const std::string& text) {
  std::vector<std::int64_t> pids;
  std::error_code error;
  for (const auto& process :
       std::filesystem::directory_iterator("/proc", error)) {
    std::ifstream file(process.path() / "cmdline");
    std::string line;
    std::getline(file, line);
    if (line.find(text) != std::string::npos) {
      pids.push_back(std::atoll(process.path().filename().c_str()));
    }
  }
  return pids;
}
inline int ProcessesWith(const std::string& text) {
  return static_cast<int>(PidsWith(text).size());
}

}  // namespace joblib::testing

#endif  // JOBLIB_TESTS_BACKENDS_CLUSTER_CLUSTER_TASKS_H_
