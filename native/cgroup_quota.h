// What control groups do to a process: CPU time as a number of CPUs, which
// CPUs, and whether all of it dies of one process's hunger for memory. Linux
// only in meaning, but files and texts alone in substance: it runs anywhere,
// over any folder that looks like a Linux root.
//
//   std::optional<int> limit = ReadCgroupCpuLimit("");  // 3: "250000 100000".
//
// A file that is missing, empty or garbage sets no limit. Sources: cgroups(7),
// proc_pid_mountinfo(5), the kernel's cgroup-v2.rst ("cpu.max",
// "cpuset.cpus.effective", "memory.oom.group") and sched-bwc.rst
// ("cpu.cfs_quota_us").
#ifndef JOBLIB_NATIVE_CGROUP_QUOTA_H_
#define JOBLIB_NATIVE_CGROUP_QUOTA_H_

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace joblib::native {

// The least limit of the calling process's cgroup and of all cgroups above it
// that can be seen, in version 2 and version 1 hierarchies (a hybrid system has
// both). Reads proc/self/cgroup, proc/self/mountinfo and the cgroup folders
// they name, all below `root`. In CPUs, rounded up; at least 1.
std::optional<int> ReadCgroupCpuLimit(const std::string& root);

// The CPUs of the process's cpuset, ascending; nullopt where there is none.
std::optional<std::vector<int>> ReadCgroupCpus(const std::string& root);

// The folder of the process's cgroup, or of one above it, whose processes the
// system kills all at once when memory runs out there ("memory.oom.group" of
// version 2 is 1); nullopt: there is none.
std::optional<std::string> ReadCgroupThatDiesAsOne(const std::string& root);

// "150000 100000" (a file cpu.max) -> 2; "max 100000" -> nullopt.
std::optional<int> ParseCpuMax(std::string_view text);

// "150000", "100000" (cpu.cfs_quota_us, cpu.cfs_period_us) -> 2;
// a quota or period of 0 or below -> nullopt.
std::optional<int> ParseCfs(std::string_view quota, std::string_view period);

// "0-2,5" -> {0, 1, 2, 5}. nullopt if it is empty or no such list.
std::optional<std::vector<int>> ParseCpuList(std::string_view text);

}  // namespace joblib::native

#endif  // JOBLIB_NATIVE_CGROUP_QUOTA_H_
