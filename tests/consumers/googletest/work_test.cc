#include <unistd.h>

#include <vector>

#include "gtest/gtest.h"
#include "joblib/joblib.h"

namespace {

TEST(WorkTest, RunsInWorkerProcesses) {
  const auto pids = joblib::Parallel({.n_jobs = 2})(joblib::each(
      joblib::range(4), [](int) { return joblib::delayed(getpid)(); }));
  for (const pid_t pid : pids) EXPECT_NE(pid, getpid());
}

TEST(WorkTest, MapsItsElements) {
  const auto squares =
      joblib::Parallel({.n_jobs = 2})
          .map([](int x) { return x * x; }, std::vector<int>{1, 2, 3});
  EXPECT_EQ(squares, (std::vector<int>{1, 4, 9}));
}

}  // namespace
