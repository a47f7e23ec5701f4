#include "joblib/core/thread_limits.h"

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace joblib::internal {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::Not;

using Environment = std::map<std::string, std::string>;
using Variable = EnvironmentVariable;

std::vector<Variable> Limits(std::optional<int> inner_max_num_threads,
                             int cpu_count, int n_jobs,
                             const Environment& parent = {}) {
  return ThreadLimits(
      inner_max_num_threads, cpu_count, n_jobs,
      [&parent](const char* name) -> std::optional<std::string> {
        const auto found = parent.find(name);
        if (found == parent.end()) return std::nullopt;
        return found->second;
      });
}

TEST(ThreadLimitsTest, WorkersShareTheProcessors) {
  EXPECT_THAT(Limits(std::nullopt, /*cpu_count=*/8, /*n_jobs=*/3),
              ElementsAre(Variable{"OMP_NUM_THREADS", "2"},
                          Variable{"OPENBLAS_NUM_THREADS", "2"},
                          Variable{"MKL_NUM_THREADS", "2"},
                          Variable{"BLIS_NUM_THREADS", "2"},
                          Variable{"VECLIB_MAXIMUM_THREADS", "2"},
                          Variable{"NUMBA_NUM_THREADS", "2"},
                          Variable{"NUMEXPR_NUM_THREADS", "2"},
                          Variable{"ENABLE_IPC", "1"}));
}

TEST(ThreadLimitsTest, EveryWorkerMayUseAtLeastOneThread) {
  EXPECT_THAT(Limits(std::nullopt, /*cpu_count=*/2, /*n_jobs=*/5),
              Contains(Variable{"OMP_NUM_THREADS", "1"}));
}

TEST(ThreadLimitsTest, TheParentsOwnLimitsAreKept) {
  const Environment parent = {{"OMP_NUM_THREADS", ""},
                              {"MKL_NUM_THREADS", "many"}};
  const std::vector<Variable> limits = Limits(std::nullopt, 8, 2, parent);
  EXPECT_THAT(limits, Contains(Variable{"OMP_NUM_THREADS", ""}));
  EXPECT_THAT(limits, Contains(Variable{"MKL_NUM_THREADS", "many"}));
  EXPECT_THAT(limits, Contains(Variable{"NUMBA_NUM_THREADS", "4"}));
}

TEST(ThreadLimitsTest, AnExplicitLimitOverridesTheParents) {
  const Environment parent = {{"OMP_NUM_THREADS", "7"}};
  EXPECT_THAT(Limits(3, 8, 2, parent),
              Contains(Variable{"OMP_NUM_THREADS", "3"}));
}

TEST(ThreadLimitsTest, TheParentsChoiceOfIpcIsLeftAlone) {
  const Environment parent = {{"ENABLE_IPC", "0"}};
  for (std::optional<int> inner : {std::optional<int>(), {2}}) {
    EXPECT_THAT(Limits(inner, 8, 2, parent),
                Not(Contains(testing::Field(&Variable::name, "ENABLE_IPC"))));
  }
}

}  // namespace
}  // namespace joblib::internal
