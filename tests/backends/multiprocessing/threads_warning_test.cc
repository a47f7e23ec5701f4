// A program with threads of its own is warned before it is forked: once.
#include <thread>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "joblib/joblib.h"
#include "tests/testing/gates.h"
#include "tests/testing/warning_collector.h"

namespace joblib::testing {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

int Twice(int n) { return 2 * n; }
void Call() {
  EXPECT_THAT(Parallel({.n_jobs = 2, .backend = "multiprocessing"})
                  .map(Twice, range(3)),
              ElementsAre(0, 2, 4));
}

TEST(ThreadsWarningTest, ComesOnceAndOnlyForOthersThreads) {
  const WarningCollector warnings;
  // The library's own are no cause.
  Parallel({.n_jobs = 2, .backend = "threading"}).map(Twice, range(9));
  Call();
  Call();
  EXPECT_THAT(warnings.messages(), IsEmpty());
  Gate over;
  std::thread other([&] { over.Wait(); });
  Call();
  Call();
  EXPECT_THAT(warnings.messages(),
              ElementsAre(AllOf(HasSubstr("which has 1 more thread:"),
                                HasSubstr("backend=\"loky\""))));
  over.Open();
  other.join();
}

}  // namespace
}  // namespace joblib::testing
