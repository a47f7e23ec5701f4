// What tests of calls that end early share.
#ifndef JOBLIB_TESTS_CONTRACT_ENDED_EARLY_H_
#define JOBLIB_TESTS_CONTRACT_ENDED_EARLY_H_

#include "gmock/gmock.h"
#include "joblib/joblib.h"
#include "tests/contract/visits.h"

namespace joblib::testing {

inline int Same(int n) { return n; }

// The call works as ever.
inline void ExpectUsable(Parallel& parallel) {
  EXPECT_THAT(parallel(each(range(3), [](int i) { return delayed(Same)(i); })),
              ::testing::ElementsAre(0, 1, 2));
}

// After a call that was aborted. In the test's own process its tasks have gone.
inline void ExpectNoneRuns(const Visits& visits, bool processes) {
  if (processes) {
    EXPECT_TRUE(visits.HaveEnded());
  } else {
    EXPECT_EQ(visits.n_inside(), 0);
  }
}

inline int Visit(const Visits& visits, int n) {
  visits.Pass();
  return n;
}

}  // namespace joblib::testing

#endif  // JOBLIB_TESTS_CONTRACT_ENDED_EARLY_H_
