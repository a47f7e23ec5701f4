// cpu_count on the machine itself: files, mask, hwloc.

#include <sched.h>

#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <string>
#include <thread>

#include "gtest/gtest.h"
#include "native/cpu_count.h"
#include "tests/native/fixture_tree.h"

namespace joblib::native {
namespace {

TEST(ReadMachineTest, ReadsTheRootFilesThatJoblibReads) {
  FixtureTree tree;
  EXPECT_FALSE(ReadMachine(tree.root()).cgroup_v1.has_value());
  tree.Write("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "300000\n");
  EXPECT_FALSE(ReadMachine(tree.root()).cgroup_v1.has_value());
  tree.Write("sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n");
  Machine machine = ReadMachine(tree.root());
  EXPECT_EQ(machine.cgroup_v1->quota, "300000\n");
  machine.os_cpu_count = 64;
  machine.affinity = 64;
  EXPECT_EQ(CountCpus(machine, {}, false).count, 3);

  tree.Write("sys/fs/cgroup/cpu.max", "max 100000\n");
  machine = ReadMachine(tree.root());
  EXPECT_EQ(machine.cgroup_v2, "max 100000\n");
  machine.os_cpu_count = 64;
  machine.affinity = 64;
  EXPECT_EQ(CountCpus(machine, {}, false).count, 64);
}

TEST(ReadMachineTest, ReadsTheLimitOfAnAncestor) {
  FixtureTree tree;
  tree.Write("proc/self/mountinfo",
             "31 23 0:28 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n");
  tree.Write("proc/self/cgroup", "0::/a/b\n");
  tree.Write("sys/fs/cgroup/a/cpu.max", "50000 100000\n");
  EXPECT_EQ(ReadMachine(tree.root()).cgroup_limit, 1);
}

TEST(ReadMachineTest, TheMachineItself) {
  const Machine machine = ReadMachine();
  EXPECT_GE(machine.os_cpu_count.value(), 1);
  EXPECT_GE(machine.affinity.value(), 1);
  EXPECT_LE(*machine.affinity, *machine.os_cpu_count);
  const Machine current = CurrentMachine();
  EXPECT_EQ(current.os_cpu_count, machine.os_cpu_count);
  EXPECT_EQ(CountCpus(current, {}, false).count,
            CountCpus(machine, {}, false).count);
}

// The table's real-machine/affinity-one-cpu.
TEST(CpuCountTest, FollowsTheMaskOfTheCallingThread) {
  std::thread([] {
    cpu_set_t mask;
    ASSERT_EQ(sched_getaffinity(0, sizeof(mask), &mask), 0);
    int cpu = 0;
    while (!CPU_ISSET(cpu, &mask)) ++cpu;
    CPU_ZERO(&mask);
    CPU_SET(cpu, &mask);
    ASSERT_EQ(sched_setaffinity(0, sizeof(mask), &mask), 0);
    EXPECT_EQ(CpuCount().count, 1);
  }).join();
}

// How often this process has called read(2), or -1.
std::int64_t ReadCalls() {
  std::ifstream io("/proc/self/io");
  std::string name;
  std::int64_t value = 0;
  while (io >> name >> value) {
    if (name == "syscr:") return value;
  }
  return -1;
}

TEST(CpuCountTest, DoesNotReadTheFilesAtEachCall) {
  const std::int64_t before = ReadCalls();
  if (before < 0) GTEST_SKIP() << "the kernel does not count reads";
  constexpr int kCalls = 10'000;
  for (int i = 0; i < kCalls; ++i) ASSERT_EQ(CpuCount().error, "");
  // Some 20 files for each second that the loop takes.
  EXPECT_LT(ReadCalls() - before, kCalls / 10);
}

// One test, as the topology is loaded once in a process.
TEST(PhysicalCoresTest, HwlocIsLoadedForThatQuestionAloneAndOnce) {
  unsetenv("LOKY_MAX_CPU_COUNT");
  ASSERT_EQ(CpuCount().error, "");
  // A limit decides: not asked for here either.
  ASSERT_EQ(CountCpus({.os_cpu_count = 8, .affinity = 7}, {}, true).count, 7);

  // From here on hwloc sees another machine: had it been loaded, too late.
  setenv("HWLOC_SYNTHETIC", "package:7 core:11 pu:2", 1);
  const Machine machine = {.os_cpu_count = 154, .affinity = 154};
  EXPECT_EQ(CountCpus(machine, {}, true).count, 77);
  setenv("HWLOC_SYNTHETIC", "package:1 core:3 pu:1", 1);
  EXPECT_EQ(CountCpus(machine, {}, true).count, 77);
  EXPECT_EQ(PhysicalCores().count, 77);
  unsetenv("HWLOC_SYNTHETIC");
}

}  // namespace
}  // namespace joblib::native
