// Clusters that have had nothing to do for more than a minute.
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "gtest/gtest.h"
#include "joblib/backends/cluster/connection.h"
#include "joblib/joblib.h"
#include "tests/backends/cluster/cluster_tasks.h"
#include "tests/backends/cluster/engine_python.h"
#include "tests/testing/eventually.h"

namespace joblib::testing {
namespace {

bool HasWorkerProcesses() { return ProcessesWith("/program") > 0; }

// They leave after a minute; the engine and the connection stay.
void ExpectUsableOnceWorkersHaveLeft(const char* engine) {
  const parallel_config scope({.backend = engine});
  EXPECT_EQ(Parallel().map(Twice, range(3)), (std::vector<int>{0, 2, 4}));
  ASSERT_TRUE(HasWorkerProcesses());
  const std::int64_t bridge = internal::BridgePidForTest();
  ASSERT_TRUE(Eventually([] { return !HasWorkerProcesses(); },
                         std::chrono::minutes(5)));
  EXPECT_EQ(Parallel().map(Twice, range(3)), (std::vector<int>{0, 2, 4}));
  EXPECT_EQ(internal::BridgePidForTest(), bridge);
  shutdown();
}

TEST(IdleClustersTest, Dask) {
  const dask::LocalCluster cluster({.n_workers = 2});
  ExpectUsableOnceWorkersHaveLeft("dask");
}

TEST(IdleClustersTest, Ray) { ExpectUsableOnceWorkersHaveLeft("ray"); }

}  // namespace
}  // namespace joblib::testing

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  const joblib::testing::EngineHome home;
  unsetenv("RAY_ADDRESS");
  joblib::register_ray();
  return RUN_ALL_TESTS();
}
