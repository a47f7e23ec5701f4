// The limits on inner threads, as a real OpenMP runtime takes them: it reads
// its variables before main(), from a constructor.
#include <omp.h>

#include <algorithm>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "joblib/joblib.h"
#include "tests/testing/warning_collector.h"

namespace joblib::testing {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// How many threads a loop really has.
int ThreadsOfALoop(int) {
  int n = 0;
#pragma omp parallel reduction(+ : n)
  n += 1;
  return n;
}
int MaxThreads(int) { return omp_get_max_threads(); }

TEST(OpenMpTest, WorkersShareTheCpus) {
  const int share = std::max(cpu_count() / 2, 1);
  Parallel parallel({.n_jobs = 2});
  EXPECT_THAT(parallel.map(MaxThreads, range(4)), Each(share));
  EXPECT_THAT(parallel.map(ThreadsOfALoop, range(4)), Each(share));
}

TEST(OpenMpTest, MultiprocessingIsWarnedOfItsRuntime) {
  ThreadsOfALoop(0);  // Whose threads stay.
  const WarningCollector warnings;
  Parallel({.n_jobs = 2, .backend = "multiprocessing"})
      .map([](int n) { return n; }, range(4));
  if (omp_get_max_threads() > 1) {
    EXPECT_THAT(warnings.messages(), ElementsAre(HasSubstr("libgomp")));
  }
}

TEST(OpenMpTest, TheProgramsOwnLimitHolds) {
  for (const int limit : {1, 3}) {
    const parallel_config config(
        {.backend = "loky", .n_jobs = 2, .inner_max_num_threads = limit});
    EXPECT_THAT(Parallel().map(MaxThreads, range(4)), Each(limit));
    EXPECT_THAT(Parallel().map(ThreadsOfALoop, range(4)), Each(limit));
  }
}

}  // namespace
}  // namespace joblib::testing
