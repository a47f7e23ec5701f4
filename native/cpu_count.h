// How many processors this process may use, decided as joblib decides it.
//
//   CpuCountAnswer answer = CpuCount();
//   if (!answer.error.empty()) ...  // LOKY_MAX_CPU_COUNT is no integer.
//   n_jobs = answer.count;
//
// The count is the least of what the system has, what the affinity mask and the
// cgroups above this process allow, and LOKY_MAX_CPU_COUNT; at least 1.
// CountCpus decides that from values; ReadMachine alone looks at the machine.
//
// Thread-safety: any thread may call any function at any time, in the child of
// a fork() too.
//
// Errors are text, without absl::Status: that would be all that a small program
// for WebAssembly has of it, and weigh more than the rest of this.
#ifndef JOBLIB_NATIVE_CPU_COUNT_H_
#define JOBLIB_NATIVE_CPU_COUNT_H_

#include <optional>
#include <string>
#include <utility>

namespace joblib::native {

// The two files of a cgroup of version 1, as they read: "-1" or "200000", and
// "100000".
struct CfsFiles {
  std::string quota = {};
  std::string period = {};
};

// A number of cores (0 and below: nonsense was found), or why there is none.
struct CoreCount {
  CoreCount(int n) : count(n) {}  // NOLINT(google-explicit-constructor)
  static CoreCount Unknown(std::string why) {
    CoreCount none(0);
    none.problem = std::move(why);
    return none;
  }
  int count;
  std::string problem;  // Empty: there is a count.
};

// What a machine says of its processors. A field left unset sets no limit.
struct Machine {
  std::optional<int> os_cpu_count = {};  // Unset: unknown, counted as 1.
  std::optional<int> affinity = {};      // How many CPUs the mask holds.
  // The least limit of the process's own cgroup and of those above it, in CPUs.
  std::optional<int> cgroup_limit = {};
  // /sys/fs/cgroup/cpu.max, as it reads: "max 100000", "150000 100000".
  std::optional<std::string> cgroup_v2 = {};
  // /sys/fs/cgroup/cpu/cpu.cfs_*_us; counts only where cgroup_v2 is unset.
  std::optional<CfsFiles> cgroup_v1 = {};
  // Its problem is the reason in the warning. Unset: PhysicalCores() is asked
  // when, and only when, the answer depends on it.
  std::optional<CoreCount> physical_cores = {};
};

struct CpuCountAnswer {
  int count = 1;
  // joblib's warning that the physical cores could not be found and `count` is
  // that of logical ones; else empty. It comes with each such answer: joblib
  // itself warns at the first one only.
  std::string warning = {};
  // LOKY_MAX_CPU_COUNT is not what Python's int() takes; else empty.
  std::string error = {};
};

// The count for `machine`, where LOKY_MAX_CPU_COUNT is `loky_max_cpu_count`
// (unset: not in the environment). With `only_physical_cores` hyperthreads of
// one core count once, but a limit below the system's count wins, as in joblib.
CpuCountAnswer CountCpus(const Machine& machine,
                         const std::optional<std::string>& loky_max_cpu_count,
                         bool only_physical_cores);

// Whether JOBLIB_MULTIPROCESSING is 0: then joblib starts neither processes nor
// threads.
bool MultiprocessingIsOff();

// The count for this process now: CountCpus over the machine and the
// environment. Where MultiprocessingIsOff() joblib's count is 1: the caller
// asks that, and once, as it is not for each call. About 0.6 us; once a second,
// when the system's files are read again, 0.2 ms. The first count of physical
// cores takes some milliseconds more.
CpuCountAnswer CpuCount(bool only_physical_cores = false);

// Reads everything but physical_cores: the system's files below `root` ("" is
// the machine itself), the mask of the calling thread. Where an OpenMP runtime
// pinned the program, that mask is not used: see native/affinity.h.
Machine ReadMachine(const std::string& root = "");

// The machine now, as CpuCount sees it; files are read at most once a second.
Machine CurrentMachine();

// The number of physical cores, from hwloc. The topology is loaded at the first
// call and never again.
CoreCount PhysicalCores();

// Every CpuCount() of this process answers for `machine` from here on; nullopt
// is the real machine again.
void SetMachineForTest(std::optional<Machine> machine);

}  // namespace joblib::native

#endif  // JOBLIB_NATIVE_CPU_COUNT_H_
