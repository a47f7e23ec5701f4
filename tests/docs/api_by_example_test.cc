// The public interface by example, as the design spells it: api_by_example.inc
// is that page, word for word. Each spelling compiles; what works by now runs,
// and what does not yet says so.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wreturn-type"  // main may go without.
#define main ApiByExampleMain
#include "tests/docs/api_by_example.inc"
#undef main
#pragma GCC diagnostic pop

#include <cstdlib>
#include <filesystem>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "joblib/backends/platform.h"
#include "native/capture_for_test.h"
#include "tests/testing/warning_collector.h"

namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

class ApiByExampleTest : public ::testing::Test {
 protected:
  const joblib::testing::WarningCollector warnings_;
};

// Two generators of three roots each, and the outcomes of nine.
constexpr char kPrinted[] = "1\n2\n3\n1\n2\n3\n0\n1\n1.41421\n";

TEST_F(ApiByExampleTest, ParallelLoops) {
  joblib::native::OutputCapture capture;
  parallel_loops();
  EXPECT_THAT(capture.End().out, HasSubstr(kPrinted));
}

TEST_F(ApiByExampleTest, ParallelLoopsOnThreads) {
  parallel_config scope({.backend = "threading"});
  joblib::native::OutputCapture capture;
  parallel_loops();
  EXPECT_THAT(capture.End().out, HasSubstr(kPrinted));
}

TEST_F(ApiByExampleTest, Configuration) {
  joblib::native::OutputCapture capture;
  configuration();
  EXPECT_THAT(capture.End().out, HasSubstr(" cores\n"));
  EXPECT_EQ(joblib::get_active_backend().backend->nesting_level(), 0);
}

TEST_F(ApiByExampleTest, OwnBackend) {
  own_backend();
  parallel_config scope({.backend = "mine", .n_jobs = 2});
  if (joblib::internal::ThreadsAvailable()) {
    EXPECT_EQ(joblib::effective_n_jobs(2), 3);
  }
  EXPECT_THAT(Parallel().map(root, std::vector<double>{4, 9}),
              ::testing::ElementsAre(2, 3));
}

TEST_F(ApiByExampleTest, ThreadPerBatchRunsEverything) {
  if (!joblib::internal::ProcessesAvailable()) {
    GTEST_SKIP() << "a thread for each batch is more than there are";
  }
  EXPECT_THAT(
      Parallel({.n_jobs = 2, .backend = std::make_shared<ThreadPerBatch>()})
          .map(root, std::vector<double>{4, 9}),
      ::testing::ElementsAre(2, 3));
}

TEST_F(ApiByExampleTest, Shipping) {
  shipping();
  parallel_config scope({.n_jobs = 2});
  shipping();
}

TEST_F(ApiByExampleTest, Errors) {
  errors();
  parallel_config scope({.backend = "threading"});
  errors();
}

TEST_F(ApiByExampleTest, Arrays) {
  std::filesystem::current_path(::testing::TempDir());  // It writes files.
  joblib::native::OutputCapture capture;
  arrays();
  EXPECT_THAT(capture.End().out, HasSubstr("1 r table.npy 6\n1\n"));
}

TEST_F(ApiByExampleTest, ArraysOnThreads) {
  std::filesystem::current_path(::testing::TempDir());
  parallel_config scope({.backend = "threading"});
  joblib::native::OutputCapture capture;
  arrays();
  EXPECT_THAT(capture.End().out, HasSubstr("1 r table.npy 6\n1\n"));
}

// With the engines: tests/backends/cluster.
TEST_F(ApiByExampleTest, ClustersNeedPythonAndProcesses) {
  setenv("JOBLIB_PYTHON", "/no/such/python", 1);
  const char* const what = joblib::internal::OwnPlatform().processes
                               ? "/no/such/python"
                               : "need processes";
  EXPECT_THAT([] { clusters(); },
              ThrowsMessage<std::runtime_error>(HasSubstr(what)));
  // As far as its clusters.
  std::filesystem::current_path(::testing::TempDir());
  EXPECT_THAT([] { ApiByExampleMain(); },
              ThrowsMessage<std::runtime_error>(HasSubstr(what)));
  joblib::shutdown();
}

}  // namespace
