#include "native/cpu_count.h"

#include <cstdlib>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace joblib::native {
namespace {

using ::testing::HasSubstr;

// Every case of conformance/cpu_count.json that pretends a machine.
constexpr int kError = -1;
struct Case {
  const char* name;
  std::optional<std::string> loky_max_cpu_count = {};
  Machine machine = {.os_cpu_count = 8, .affinity = 8, .physical_cores = 4};
  int logical = 0;
  int physical = 0;
};

Machine WithAffinity(int affinity) {
  return {.os_cpu_count = 8, .affinity = affinity, .physical_cores = 4};
}
Machine WithPhysicalCores(CoreCount cores) {
  return {.os_cpu_count = 8, .affinity = 8, .physical_cores = cores};
}
Machine WithCgroupV2(const std::string& cpu_max) {
  Machine machine = WithAffinity(8);
  machine.cgroup_v2 = cpu_max;
  return machine;
}
Machine WithCgroupV1(const std::string& quota) {
  Machine machine = WithAffinity(8);
  machine.cgroup_v1 = {.quota = quota, .period = "100000"};
  return machine;
}
Machine WithBothCgroups(const std::string& cpu_max, const std::string& quota) {
  Machine machine = WithCgroupV1(quota);
  machine.cgroup_v2 = cpu_max;
  return machine;
}
Machine WithCgroupV2AndAffinity(const std::string& cpu_max, int affinity) {
  Machine machine = WithAffinity(affinity);
  machine.cgroup_v2 = cpu_max;
  return machine;
}

std::vector<Case> Cases() {
  return {
      {.name = "Env1", .loky_max_cpu_count = "1", .logical = 1, .physical = 1},
      {.name = "Env2", .loky_max_cpu_count = "2", .logical = 2, .physical = 2},
      {.name = "Env4", .loky_max_cpu_count = "4", .logical = 4, .physical = 4},
      {.name = "Env8", .loky_max_cpu_count = "8", .logical = 8, .physical = 4},
      {.name = "Env100",
       .loky_max_cpu_count = "100",
       .logical = 8,
       .physical = 4},
      {.name = "Env0", .loky_max_cpu_count = "0", .logical = 1, .physical = 1},
      {.name = "EnvMinus1",
       .loky_max_cpu_count = "-1",
       .logical = 1,
       .physical = 1},
      {.name = "EnvMinus5",
       .loky_max_cpu_count = "-5",
       .logical = 1,
       .physical = 1},
      {.name = "EnvBlanks",
       .loky_max_cpu_count = " 3 ",
       .logical = 3,
       .physical = 3},
      {.name = "EnvPlus",
       .loky_max_cpu_count = "+4",
       .logical = 4,
       .physical = 4},
      // Beyond the table: what else Python's int() takes.
      {.name = "EnvUnderscore",
       .loky_max_cpu_count = "0_3",
       .logical = 3,
       .physical = 3},
      {.name = "EnvHuge",
       .loky_max_cpu_count = "999999999999999999999999",
       .logical = 8,
       .physical = 4},
      {.name = "EnvHugeNegative",
       .loky_max_cpu_count = "-999999999999999999999999",
       .logical = 1,
       .physical = 1},
      {.name = "Plain", .logical = 8, .physical = 4},
      {.name = "NoHyperthreads",
       .machine = WithPhysicalCores(8),
       .logical = 8,
       .physical = 8},
      {.name = "PhysicalNonsense",
       .machine = WithPhysicalCores(0),
       .logical = 8,
       .physical = 8},
      {.name = "PhysicalError",
       .machine = WithPhysicalCores(CoreCount::Unknown("no lscpu")),
       .logical = 8,
       .physical = 8},
      {.name = "Affinity3",
       .machine = WithAffinity(3),
       .logical = 3,
       .physical = 3},
      {.name = "Affinity6",
       .machine = WithAffinity(6),
       .logical = 6,
       .physical = 6},
      {.name = "Affinity16",
       .machine = WithAffinity(16),
       .logical = 8,
       .physical = 4},
      {.name = "OneCpu",
       .machine = {.os_cpu_count = 1, .affinity = 1, .physical_cores = 1},
       .logical = 1,
       .physical = 1},
      {.name = "UnknownCount",
       .machine = {.affinity = 1, .physical_cores = 1},
       .logical = 1,
       .physical = 1},
      {.name = "V2Max",
       .machine = WithCgroupV2("max 100000"),
       .logical = 8,
       .physical = 4},
      {.name = "V2One",
       .machine = WithCgroupV2("100000 100000"),
       .logical = 1,
       .physical = 1},
      {.name = "V2OneAndAHalf",
       .machine = WithCgroupV2("150000 100000"),
       .logical = 2,
       .physical = 2},
      {.name = "V2Half",
       .machine = WithCgroupV2("50000 100000"),
       .logical = 1,
       .physical = 1},
      {.name = "V2Hundredth",
       .machine = WithCgroupV2("1000 100000"),
       .logical = 1,
       .physical = 1},
      {.name = "V2Two",
       .machine = WithCgroupV2("200000 100000"),
       .logical = 2,
       .physical = 2},
      {.name = "V2JustAboveTwo",
       .machine = WithCgroupV2("200001 100000"),
       .logical = 3,
       .physical = 3},
      {.name = "V2Nine",
       .machine = WithCgroupV2("900000 100000"),
       .logical = 8,
       .physical = 4},
      {.name = "V2Zero",
       .machine = WithCgroupV2("0 100000"),
       .logical = 8,
       .physical = 4},
      {.name = "V2Minus",
       .machine = WithCgroupV2("-1 100000"),
       .logical = 8,
       .physical = 4},
      {.name = "V2Period",
       .machine = WithCgroupV2("400000 50000"),
       .logical = 8,
       .physical = 4},
      {.name = "V1None",
       .machine = WithCgroupV1("-1"),
       .logical = 8,
       .physical = 4},
      {.name = "V1One",
       .machine = WithCgroupV1("100000"),
       .logical = 1,
       .physical = 1},
      {.name = "V1TwoAndAHalf",
       .machine = WithCgroupV1("250000"),
       .logical = 3,
       .physical = 3},
      {.name = "V1Tenth",
       .machine = WithCgroupV1("10000"),
       .logical = 1,
       .physical = 1},
      {.name = "V1Nine",
       .machine = WithCgroupV1("900000"),
       .logical = 8,
       .physical = 4},
      {.name = "V1Zero",
       .machine = WithCgroupV1("0"),
       .logical = 8,
       .physical = 4},
      {.name = "V2WinsOverV1",
       .machine = WithBothCgroups("300000 100000", "100000"),
       .logical = 3,
       .physical = 3},
      {.name = "AffinityBelowV2",
       .machine = WithCgroupV2AndAffinity("300000 100000", 2),
       .logical = 2,
       .physical = 2},
      {.name = "CgroupAndEnv",
       .loky_max_cpu_count = "5",
       .machine = WithCgroupV2("300000 100000"),
       .logical = 3,
       .physical = 3},
      // An ancestor's limit, which joblib does not see.
      {.name = "Ancestor",
       .machine = {.os_cpu_count = 8, .cgroup_limit = 2, .physical_cores = 4},
       .logical = 2,
       .physical = 2},
      {.name = "EnvWord",
       .loky_max_cpu_count = "abc",
       .logical = kError,
       .physical = kError},
      {.name = "EnvEmpty",
       .loky_max_cpu_count = "",
       .logical = kError,
       .physical = kError},
      {.name = "EnvFraction",
       .loky_max_cpu_count = "2.5",
       .logical = kError,
       .physical = kError},
      {.name = "EnvExponent",
       .loky_max_cpu_count = "1e1",
       .logical = kError,
       .physical = kError},
      {.name = "EnvHex",
       .loky_max_cpu_count = "0x4",
       .logical = kError,
       .physical = kError},
      {.name = "EnvBlank",
       .loky_max_cpu_count = " ",
       .logical = kError,
       .physical = kError},
      {.name = "EnvTwoSigns",
       .loky_max_cpu_count = "+-1",
       .logical = kError,
       .physical = kError},
      {.name = "EnvSignApart",
       .loky_max_cpu_count = "- 3",
       .logical = kError,
       .physical = kError},
      {.name = "EnvTwoUnderscores",
       .loky_max_cpu_count = "1__0",
       .logical = kError,
       .physical = kError},
      {.name = "EnvLastUnderscore",
       .loky_max_cpu_count = "1_",
       .logical = kError,
       .physical = kError},
  };
}

class CpuCountTest : public testing::Test {
 protected:
  CpuCountTest() {
    unsetenv("LOKY_MAX_CPU_COUNT");
    unsetenv("JOBLIB_MULTIPROCESSING");
  }
  ~CpuCountTest() override {
    SetMachineForTest(std::nullopt);
    unsetenv("LOKY_MAX_CPU_COUNT");
    unsetenv("JOBLIB_MULTIPROCESSING");
  }
};

class CpuCountTableTest : public CpuCountTest,
                          public testing::WithParamInterface<Case> {};

TEST_P(CpuCountTableTest, IsJoblibs) {
  const Case& c = GetParam();
  SetMachineForTest(c.machine);
  if (c.loky_max_cpu_count.has_value()) {
    setenv("LOKY_MAX_CPU_COUNT", c.loky_max_cpu_count->c_str(), 1);
  }
  for (const auto& [only_physical_cores, expected] :
       {std::tuple(false, c.logical), std::tuple(true, c.physical)}) {
    const auto answer = CpuCount(only_physical_cores);
    if (expected == kError) {
      EXPECT_NE(answer.error, "");
    } else {
      EXPECT_EQ(answer.error, "");
      EXPECT_EQ(answer.count, expected);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Machines, CpuCountTableTest,
                         testing::ValuesIn(Cases()),
                         [](const testing::TestParamInfo<Case>& c) {
                           return c.param.name;
                         });

TEST_F(CpuCountTest, MultiprocessingIsOffWhereTheVariableIsZero) {
  EXPECT_FALSE(MultiprocessingIsOff());
  setenv("JOBLIB_MULTIPROCESSING", "0", 1);
  EXPECT_TRUE(MultiprocessingIsOff());
  setenv("JOBLIB_MULTIPROCESSING", "1", 1);
  EXPECT_FALSE(MultiprocessingIsOff());
}

TEST_F(CpuCountTest, TheErrorNamesVariableAndValue) {
  const std::string error = CountCpus(WithAffinity(8), "a\nbc", false).error;
  EXPECT_THAT(error, HasSubstr("LOKY_MAX_CPU_COUNT"));
  EXPECT_THAT(error, HasSubstr("'a\\nbc'"));
}

TEST_F(CpuCountTest, TheErrorShowsTheStartOfALongValue) {
  const std::string error =
      CountCpus(WithAffinity(8), std::string(1 << 20, 'x'), false).error;
  EXPECT_LT(error.size(), 300u);
}

TEST_F(CpuCountTest, WarnsOfPhysicalCoresNotFound) {
  SetMachineForTest(WithPhysicalCores(CoreCount::Unknown("no lscpu")));
  EXPECT_EQ(CpuCount(true).warning,
            "Could not find the number of physical cores for the following "
            "reason:\nno lscpu\nReturning the number of logical cores instead. "
            "You can silence this warning by setting LOKY_MAX_CPU_COUNT to the "
            "number of cores you want to use.");
  EXPECT_EQ(CpuCount(false).warning, "");
  SetMachineForTest(WithPhysicalCores(0));
  EXPECT_THAT(CpuCount(true).warning,
              HasSubstr("reason:\nfound 0 physical cores < 1\nReturning"));
}

TEST_F(CpuCountTest, NoWarningWhereALimitDecides) {
  Machine machine = WithPhysicalCores(CoreCount::Unknown("no lscpu"));
  machine.affinity = 3;
  SetMachineForTest(machine);
  EXPECT_EQ(CpuCount(true).warning, "");
}

TEST_F(CpuCountTest, TheRealMachineIsBackAfterATest) {
  SetMachineForTest(Machine{.os_cpu_count = 12345});
  EXPECT_EQ(CpuCount().count, 12345);
  SetMachineForTest(std::nullopt);
  const int count = CpuCount().count;
  EXPECT_GE(count, 1);
  EXPECT_LT(count, 12345);
}

TEST_F(CpuCountTest, LokyMaxCpuCountHoldsOnTheRealMachine) {
  setenv("LOKY_MAX_CPU_COUNT", "1", 1);
  EXPECT_EQ(CpuCount().count, 1);
  EXPECT_EQ(CpuCount(/*only_physical_cores=*/true).count, 1);
}

}  // namespace
}  // namespace joblib::native
