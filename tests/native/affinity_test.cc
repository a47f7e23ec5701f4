#include "native/affinity.h"

#include <cstdlib>
#include <optional>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace joblib::native {
namespace {

using ::testing::HasSubstr;

TEST(ChooseAffinityTest, TheOwnMaskWhereNothingPins) {
  const AffinityChoice choice = ChooseAffinity(
      {.own = CpuSet(0b0001), .parent = CpuSet(0b1111), .cpuset = CpuSet(3)});
  EXPECT_EQ(choice.mask, CpuSet(0b0001));
  EXPECT_EQ(choice.warning, "");
}

TEST(ChooseAffinityTest, TheParentsMaskWhereOpenMpPinned) {
  const AffinityChoice choice = ChooseAffinity({.pinned_by = "OMP_PLACES=cores",
                                                .own = CpuSet(0b0001),
                                                .parent = CpuSet(0b0110),
                                                .cpuset = CpuSet(0b1111)});
  EXPECT_EQ(choice.mask, CpuSet(0b0110));
  EXPECT_THAT(choice.warning, HasSubstr("OMP_PLACES=cores"));
  EXPECT_THAT(choice.warning, HasSubstr("to 1 CPU."));
  EXPECT_THAT(choice.warning, HasSubstr("2 CPUs of the parent process"));
}

TEST(ChooseAffinityTest, TheCpusetWhereTheParentCannotBeRead) {
  const AffinityChoice choice = ChooseAffinity({.pinned_by = "OMP_PLACES=cores",
                                                .own = CpuSet(0b0001),
                                                .cpuset = CpuSet(0b1111)});
  EXPECT_EQ(choice.mask, CpuSet(0b1111));
  EXPECT_THAT(choice.warning, HasSubstr("4 CPUs of the cpuset"));
}

TEST(ChooseAffinityTest, NeverBeyondTheCpuset) {
  EXPECT_EQ(ChooseAffinity({.pinned_by = "OMP_PLACES=cores",
                            .own = CpuSet(0b0010),
                            .parent = CpuSet(0b1111),
                            .cpuset = CpuSet(0b0110)})
                .mask,
            CpuSet(0b0110));
  EXPECT_EQ(ChooseAffinity({.pinned_by = "OMP_PLACES=cores",
                            .own = CpuSet(0b0010),
                            .parent = CpuSet(0b1000),
                            .cpuset = CpuSet(0b0110)})
                .mask,
            CpuSet(0b0110));
}

TEST(ChooseAffinityTest, NoWarningWhereNothingWasTaken) {
  const AffinityChoice choice = ChooseAffinity({.pinned_by = "OMP_PLACES=cores",
                                                .own = CpuSet(0b0011),
                                                .parent = CpuSet(0b0011)});
  EXPECT_EQ(choice.mask, CpuSet(0b0011));
  EXPECT_EQ(choice.warning, "");
}

TEST(ChooseAffinityTest, TheOwnMaskWhereNothingElseIsKnown) {
  EXPECT_EQ(
      ChooseAffinity({.pinned_by = "OMP_PLACES=cores", .own = CpuSet(0b0001)})
          .mask,
      CpuSet(0b0001));
}

class PinnedByTest : public testing::Test {
 protected:
  PinnedByTest() { Clear(); }
  ~PinnedByTest() override { Clear(); }

 private:
  static void Clear() {
    for (const char* name :
         {"OMP_PROC_BIND", "OMP_PLACES", "GOMP_CPU_AFFINITY", "KMP_AFFINITY"}) {
      unsetenv(name);
    }
  }
};

TEST_F(PinnedByTest, NothingIsSet) { EXPECT_EQ(PinnedBy(), std::nullopt); }

TEST_F(PinnedByTest, AnyOfTheFour) {
  setenv("KMP_AFFINITY", "compact", 1);
  EXPECT_EQ(PinnedBy(), "KMP_AFFINITY=compact");
  setenv("GOMP_CPU_AFFINITY", "0-3", 1);
  EXPECT_EQ(PinnedBy(), "GOMP_CPU_AFFINITY=0-3");
  setenv("OMP_PLACES", "threads", 1);
  EXPECT_EQ(PinnedBy(), "OMP_PLACES=threads");
  setenv("OMP_PROC_BIND", "close", 1);
  EXPECT_EQ(PinnedBy(), "OMP_PROC_BIND=close");
}

TEST_F(PinnedByTest, SomeValuesPinNothing) {
  setenv("OMP_PROC_BIND", "FALSE", 1);
  setenv("KMP_AFFINITY", "disabled", 1);
  setenv("OMP_PLACES", "", 1);
  EXPECT_EQ(PinnedBy(), std::nullopt);
}

}  // namespace
}  // namespace joblib::native
