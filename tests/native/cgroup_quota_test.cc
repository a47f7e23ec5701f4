#include "native/cgroup_quota.h"

#include <optional>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/native/fixture_tree.h"

namespace joblib::native {
namespace {

constexpr char kV2Mount[] =
    "31 23 0:28 / /sys/fs/cgroup rw,relatime shared:9 - cgroup2 cgroup2 "
    "rw,nsdelegate\n";
constexpr char kV1Mounts[] =
    "22 1 8:1 / / rw - ext4 /dev/root rw\n"
    "32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,relatime - cgroup cgroup "
    "rw,cpu,cpuacct\n"
    "34 31 0:31 / /sys/fs/cgroup/cpuset rw,relatime - cgroup cgroup "
    "rw,cpuset\n";

TEST(ParseCpuMaxTest, RoundsUpToWholeCpus) {
  EXPECT_EQ(ParseCpuMax("100000 100000"), 1);
  EXPECT_EQ(ParseCpuMax("150000 100000\n"), 2);
  EXPECT_EQ(ParseCpuMax("200001 100000"), 3);
  EXPECT_EQ(ParseCpuMax("400000 50000"), 8);
  EXPECT_EQ(ParseCpuMax("1000 100000"), 1);
}

TEST(ParseCpuMaxTest, NoNumberIsNoLimit) {
  for (const char* text :
       {"max 100000", "max", "", "\n", "100000", "a b", "1 2 3", "0 100000",
        "-1 100000", "100000 0", "100000 -5", "99999999999999999999 100000"}) {
    EXPECT_EQ(ParseCpuMax(text), std::nullopt) << text;
  }
}

TEST(ParseCpuMaxTest, NothingOverflows) {
  EXPECT_EQ(ParseCpuMax("9223372036854775807 1"), 2147483647);
  EXPECT_EQ(ParseCpuMax("9223372036854775807 9223372036854775806"), 2);
}

TEST(ParseCfsTest, ReadsTheTwoFilesOfVersion1) {
  EXPECT_EQ(ParseCfs("250000\n", "100000\n"), 3);
  EXPECT_EQ(ParseCfs("-1", "100000"), std::nullopt);
  EXPECT_EQ(ParseCfs("0", "100000"), std::nullopt);
  EXPECT_EQ(ParseCfs("garbage", "100000"), std::nullopt);
}

TEST(ParseCpuListTest, TakesNumbersAndRanges) {
  EXPECT_EQ(ParseCpuList("0-2,5\n"), (std::vector<int>{0, 1, 2, 5}));
  EXPECT_EQ(ParseCpuList("3,1,1-2"), (std::vector<int>{1, 2, 3}));
  EXPECT_EQ(ParseCpuList("7"), (std::vector<int>{7}));
}

TEST(ParseCpuListTest, AnythingElseIsNoList) {
  for (const char* text :
       {"", "\n", "a", "1-", "-1", "2-1", "1-2-3", "0-2000000000", "1,,2"}) {
    EXPECT_EQ(ParseCpuList(text), std::nullopt) << text;
  }
}

TEST(ReadCgroupCpuLimitTest, OwnCgroupOfVersion2) {
  FixtureTree tree;
  tree.Write("proc/self/mountinfo", kV2Mount);
  tree.Write("proc/self/cgroup", "0::/user.slice/job\n");
  tree.Write("sys/fs/cgroup/user.slice/job/cpu.max", "250000 100000\n");
  EXPECT_EQ(ReadCgroupCpuLimit(tree.root()), 3);
}

TEST(ReadCgroupCpuLimitTest, FlatTreeWithEverythingAtTheRoot) {
  FixtureTree tree;
  tree.Write("proc/self/mountinfo", kV2Mount);
  tree.Write("proc/self/cgroup", "0::/\n");
  tree.Write("sys/fs/cgroup/cpu.max", "50000 100000\n");
  EXPECT_EQ(ReadCgroupCpuLimit(tree.root()), 1);
}

TEST(ReadCgroupCpuLimitTest, ALimitOfAnyAncestorCounts) {
  FixtureTree tree;
  tree.Write("proc/self/mountinfo", kV2Mount);
  tree.Write("proc/self/cgroup", "0::/a/b/c\n");
  tree.Write("sys/fs/cgroup/a/cpu.max", "200000 100000\n");
  tree.Write("sys/fs/cgroup/a/b/cpu.max", "max 100000\n");
  tree.Write("sys/fs/cgroup/a/b/c/cpu.max", "800000 100000\n");
  EXPECT_EQ(ReadCgroupCpuLimit(tree.root()), 2);
}

TEST(ReadCgroupCpuLimitTest, ASiblingsLimitDoesNotCount) {
  FixtureTree tree;
  tree.Write("proc/self/mountinfo", kV2Mount);
  tree.Write("proc/self/cgroup", "0::/a/b\n");
  tree.Write("sys/fs/cgroup/a/b/cpu.max", "400000 100000\n");
  tree.Write("sys/fs/cgroup/a/bb/cpu.max", "100000 100000\n");
  tree.Write("sys/fs/cgroup/b/cpu.max", "100000 100000\n");
  EXPECT_EQ(ReadCgroupCpuLimit(tree.root()), 4);
}

TEST(ReadCgroupCpuLimitTest, Version1WithAParentsLimit) {
  FixtureTree tree;
  tree.Write("proc/self/mountinfo", kV1Mounts);
  tree.Write("proc/self/cgroup",
             "5:cpuset:/\n3:cpu,cpuacct:/docker/2f0a\n1:name=systemd:/x\n");
  const std::string cpu = "sys/fs/cgroup/cpu,cpuacct/";
  tree.Write(cpu + "docker/2f0a/cpu.cfs_quota_us", "-1\n");
  tree.Write(cpu + "docker/2f0a/cpu.cfs_period_us", "100000\n");
  tree.Write(cpu + "docker/cpu.cfs_quota_us", "150000\n");
  tree.Write(cpu + "docker/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(ReadCgroupCpuLimit(tree.root()), 2);
}

TEST(ReadCgroupCpuLimitTest, Version1QuotaWithoutPeriodIsNoLimit) {
  FixtureTree tree;
  tree.Write("proc/self/mountinfo", kV1Mounts);
  tree.Write("proc/self/cgroup", "3:cpu,cpuacct:/\n");
  tree.Write("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "150000\n");
  EXPECT_EQ(ReadCgroupCpuLimit(tree.root()), std::nullopt);
}

TEST(ReadCgroupCpuLimitTest, HybridTakesTheLeastOfBothVersions) {
  FixtureTree tree;
  tree.Write("proc/self/mountinfo",
             std::string(kV1Mounts) +
                 "41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 "
                 "rw\n");
  tree.Write("proc/self/cgroup", "3:cpu,cpuacct:/job\n0::/job\n");
  tree.Write("sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_quota_us", "500000");
  tree.Write("sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_period_us", "100000");
  EXPECT_EQ(ReadCgroupCpuLimit(tree.root()), 5);
  tree.Write("sys/fs/cgroup/unified/job/cpu.max", "300000 100000");
  EXPECT_EQ(ReadCgroupCpuLimit(tree.root()), 3);
}

// A container without a cgroup namespace: its own cgroup is mounted as the
// root.
TEST(ReadCgroupCpuLimitTest, AMountOfTheContainersCgroup) {
  FixtureTree tree;
  tree.Write("proc/self/mountinfo",
             "31 23 0:28 /docker/2f0a /sys/fs/cgroup ro - cgroup2 cgroup2 "
             "rw\n");
  tree.Write("proc/self/cgroup", "0::/docker/2f0a/inner\n");
  tree.Write("sys/fs/cgroup/cpu.max", "300000 100000\n");
  tree.Write("sys/fs/cgroup/inner/cpu.max", "400000 100000\n");
  EXPECT_EQ(ReadCgroupCpuLimit(tree.root()), 3);
}

TEST(ReadCgroupCpuLimitTest, AMountFromOutsideTheNamespaceShowsAnAncestor) {
  FixtureTree tree;
  tree.Write("proc/self/mountinfo",
             "31 23 0:28 /../.. /sys/fs/cgroup ro - cgroup2 cgroup2 rw\n");
  tree.Write("proc/self/cgroup", "0::/\n");
  tree.Write("sys/fs/cgroup/cpu.max", "300000 100000\n");
  EXPECT_EQ(ReadCgroupCpuLimit(tree.root()), 3);
}

TEST(ReadCgroupCpuLimitTest, AMountOfOtherCgroupsSaysNothing) {
  FixtureTree tree;
  tree.Write("proc/self/mountinfo",
             "31 23 0:28 /docker/other /sys/fs/cgroup ro - cgroup2 cgroup2 "
             "rw\n");
  tree.Write("sys/fs/cgroup/cpu.max", "300000 100000\n");
  for (const char* cgroup : {"0::/docker/2f0a\n", "0::/docker/other2\n",
                             "0::/docker/other/../2f0a\n"}) {
    tree.Write("proc/self/cgroup", cgroup);
    EXPECT_EQ(ReadCgroupCpuLimit(tree.root()), std::nullopt) << cgroup;
  }
}

TEST(ReadCgroupCpuLimitTest, ARemovedCgroupStillHasAncestors) {
  FixtureTree tree;
  tree.Write("proc/self/mountinfo", kV2Mount);
  tree.Write("proc/self/cgroup", "0::/a/gone (deleted)\n");
  tree.Write("sys/fs/cgroup/a/cpu.max", "200000 100000\n");
  EXPECT_EQ(ReadCgroupCpuLimit(tree.root()), 2);
}

TEST(ReadCgroupCpuLimitTest, BlanksInAMountsPath) {
  FixtureTree tree;
  tree.Write("proc/self/mountinfo",
             "31 23 0:28 / /my\\040cgroups rw - cgroup2 cgroup2 rw\n");
  tree.Write("proc/self/cgroup", "0::/a:b\n");
  tree.Write("my cgroups/a:b/cpu.max", "200000 100000\n");
  EXPECT_EQ(ReadCgroupCpuLimit(tree.root()), 2);
}

TEST(ReadCgroupCpuLimitTest, NothingThere) {
  FixtureTree tree;
  EXPECT_EQ(ReadCgroupCpuLimit(tree.root()), std::nullopt);
  EXPECT_EQ(ReadCgroupCpuLimit(tree.root() + "/absent"), std::nullopt);
}

TEST(ReadCgroupCpuLimitTest, GarbageAndEmptyFilesAreNoLimit) {
  FixtureTree tree;
  tree.Write("proc/self/mountinfo", kV2Mount);
  tree.Write("proc/self/cgroup", "0::/a\n");
  for (const char* text : {"", "\n", "max", "garbage", "1e5 100000", "\xff"}) {
    tree.Write("sys/fs/cgroup/a/cpu.max", text);
    EXPECT_EQ(ReadCgroupCpuLimit(tree.root()), std::nullopt) << text;
  }
  tree.Write("sys/fs/cgroup/a/cpu.max", "200000 100000\n");
  ASSERT_EQ(ReadCgroupCpuLimit(tree.root()), 2);
  for (const char* text : {"", "garbage", "- - -", "1 2 3 4 5 - cgroup2", " - ",
                           "a b c / /sys/fs/cgroup - cgroup2", "\\04 - \\"}) {
    tree.Write("proc/self/mountinfo", text);
    EXPECT_EQ(ReadCgroupCpuLimit(tree.root()), std::nullopt) << text;
  }
  tree.Write("proc/self/mountinfo", kV2Mount);
  for (const char* text : {"", "garbage", ":", "::", "0:", "7::/a"}) {
    tree.Write("proc/self/cgroup", text);
    EXPECT_EQ(ReadCgroupCpuLimit(tree.root()), std::nullopt) << text;
  }
}

TEST(ReadCgroupCpusTest, TheNearestCpusetOfVersion2) {
  FixtureTree tree;
  tree.Write("proc/self/mountinfo", kV2Mount);
  tree.Write("proc/self/cgroup", "0::/a/b\n");
  tree.Write("sys/fs/cgroup/cpuset.cpus.effective", "0-7\n");
  tree.Write("sys/fs/cgroup/a/cpuset.cpus.effective", "2-3\n");
  EXPECT_EQ(ReadCgroupCpus(tree.root()), (std::vector<int>{2, 3}));
}

TEST(ReadCgroupCpusTest, Version1PrefersTheEffectiveList) {
  FixtureTree tree;
  tree.Write("proc/self/mountinfo", kV1Mounts);
  tree.Write("proc/self/cgroup", "5:cpuset:/a\n3:cpu,cpuacct:/\n");
  tree.Write("sys/fs/cgroup/cpuset/a/cpuset.cpus", "0-3\n");
  EXPECT_EQ(ReadCgroupCpus(tree.root()), (std::vector<int>{0, 1, 2, 3}));
  tree.Write("sys/fs/cgroup/cpuset/a/cpuset.effective_cpus", "1\n");
  EXPECT_EQ(ReadCgroupCpus(tree.root()), (std::vector<int>{1}));
}

TEST(ReadCgroupCpusTest, NothingThere) {
  FixtureTree tree;
  EXPECT_EQ(ReadCgroupCpus(tree.root()), std::nullopt);
}

TEST(ReadCgroupThatDiesAsOneTest, ItsOwnOrOneAbove) {
  FixtureTree tree;
  tree.Write("proc/self/mountinfo", kV2Mount);
  tree.Write("proc/self/cgroup", "0::/a/b\n");
  EXPECT_EQ(ReadCgroupThatDiesAsOne(tree.root()), std::nullopt);
  tree.Write("sys/fs/cgroup/a/b/memory.oom.group", "0\n");
  EXPECT_EQ(ReadCgroupThatDiesAsOne(tree.root()), std::nullopt);
  tree.Write("sys/fs/cgroup/a/memory.oom.group", "1\n");
  EXPECT_EQ(ReadCgroupThatDiesAsOne(tree.root()),
            tree.root() + "/sys/fs/cgroup/a");
  tree.Write("sys/fs/cgroup/a/b/memory.oom.group", "1\n");
  EXPECT_EQ(ReadCgroupThatDiesAsOne(tree.root()),
            tree.root() + "/sys/fs/cgroup/a/b");
}

}  // namespace
}  // namespace joblib::native
