#include <hwloc.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "native/affinity.h"
#include "native/cgroup_quota.h"
#include "native/cpu_count.h"
#include "native/read_file.h"
#include "native/recent_limits.h"

namespace joblib::native {
namespace {

std::optional<int> OsCpuCount() {
  const long online = sysconf(_SC_NPROCESSORS_ONLN);
  if (online < 1) return std::nullopt;
  return static_cast<int>(online);
}

// Everything that is the same for all threads, as two numbers.
ProcessorLimits ReadLimits() {
  Machine machine = ReadMachine();
  const std::optional<int> os_count = machine.os_cpu_count;
  // Unlimited, but by the files: CountCpus knows what they mean together.
  machine.os_cpu_count = kMaxCpus;
  machine.affinity.reset();
  const int limit = CountCpus(machine, std::nullopt, false).count;
  return {.os_cpu_count = os_count.value_or(0),
          .cgroup_limit = limit < kMaxCpus ? limit : 0};
}

std::int64_t SteadyNanoseconds() {
  return std::chrono::steady_clock::now().time_since_epoch() /
         std::chrono::nanoseconds(1);
}

constinit RecentLimits recent_limits(&ReadLimits, &SteadyNanoseconds);

CoreCount LoadPhysicalCores() {
  hwloc_topology_t topology;
  if (hwloc_topology_init(&topology) != 0) {
    return CoreCount::Unknown(
        absl::StrCat("hwloc_topology_init: ", std::strerror(errno)));
  }
  // Cores alone, all of them: a mask that leaves any out has been the answer
  // before it comes to this.
  hwloc_topology_set_all_types_filter(topology, HWLOC_TYPE_FILTER_KEEP_NONE);
  hwloc_topology_set_type_filter(topology, HWLOC_OBJ_CORE,
                                 HWLOC_TYPE_FILTER_KEEP_ALL);
  hwloc_topology_set_flags(topology,
                           HWLOC_TOPOLOGY_FLAG_INCLUDE_DISALLOWED |
                               HWLOC_TOPOLOGY_FLAG_DONT_CHANGE_BINDING |
                               HWLOC_TOPOLOGY_FLAG_NO_DISTANCES |
                               HWLOC_TOPOLOGY_FLAG_NO_MEMATTRS |
                               HWLOC_TOPOLOGY_FLAG_NO_CPUKINDS);
  const CoreCount cores =
      hwloc_topology_load(topology) == 0
          ? hwloc_get_nbobjs_by_type(topology, HWLOC_OBJ_CORE)
          : CoreCount::Unknown(
                absl::StrCat("hwloc_topology_load: ", std::strerror(errno)));
  hwloc_topology_destroy(topology);
  return cores;
}

}  // namespace

Machine ReadMachine(const std::string& root) {
  const std::string folder = absl::StrCat(root, "/sys/fs/cgroup/");
  Machine machine = {
      .os_cpu_count = OsCpuCount(),
      .affinity = AffinityCount(),
      .cgroup_limit = ReadCgroupCpuLimit(root),
      .cgroup_v2 = ReadSmallFile(absl::StrCat(folder, "cpu.max"))};
  if (machine.cgroup_v2.has_value()) return machine;
  const auto quota =
      ReadSmallFile(absl::StrCat(folder, "cpu/cpu.cfs_quota_us"));
  if (!quota.has_value()) return machine;
  const auto period =
      ReadSmallFile(absl::StrCat(folder, "cpu/cpu.cfs_period_us"));
  if (period.has_value()) {
    machine.cgroup_v1 = {.quota = *quota, .period = *period};
  }
  return machine;
}

Machine CurrentMachine() {
  const ProcessorLimits limits = recent_limits.Get();
  Machine machine = {.affinity = AffinityCount()};
  if (limits.os_cpu_count > 0) machine.os_cpu_count = limits.os_cpu_count;
  if (limits.cgroup_limit > 0) machine.cgroup_limit = limits.cgroup_limit;
  return machine;
}

CoreCount PhysicalCores() {
  static const auto& cores = *new CoreCount(LoadPhysicalCores());
  return cores;
}

}  // namespace joblib::native
