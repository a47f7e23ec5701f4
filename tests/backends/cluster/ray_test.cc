// The ray backend on a real Ray, which the program starts itself.
#define JOBLIB_TEST_ENGINE "ray"
#include <cstdint>
#include <cstdlib>
#include <stdexcept>
#include <string_view>
#include <vector>

#include "tests/backends/cluster/cluster_contract.h"
#include "tests/backends/cluster/engine_python.h"

namespace joblib::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

TEST_F(OnCluster, MoreJobsThanCpusAreRefused) {
  EXPECT_THAT([] { effective_n_jobs(1000); },
              ThrowsMessage<std::invalid_argument>(
                  HasSubstr("there are only 2 CPUs in the ray cluster")));
}

TEST_F(OnCluster, RemoteArgumentsReachRay) {
  parallel_config scope(
      {.backend = "ray",
       .backend_params = {{"ray_remote_args", {{"num_cpus", 2}}}}});
  EXPECT_EQ(Parallel()(Calls(4, Twice)), (std::vector<int>{0, 2, 4, 6}));
  parallel_config refused(
      {.backend = "ray", .backend_params = {{"ray_remote_args", {{"x", 2}}}}});
  EXPECT_THROW(Parallel()(Calls(4, Twice)), std::invalid_argument);
}

TEST_F(OnCluster, CallsNestOnThreadsOfTheirTask) {
  const auto pids = Parallel()(each(range(2), [](int) {
    return delayed([](int) {
      auto inner = Parallel({.n_jobs = 2})(
          each(range(4), [](int) { return delayed(PidAfter)(1); }));
      inner.push_back(PidAfter(0));
      return inner;
    })(0);
  }));
  for (const std::vector<std::int64_t>& of_task : pids) {
    EXPECT_THAT(of_task, ::testing::Each(of_task.back()));
  }
}

int EndsSoon(int i) {
  PidAfter(i % 4);
  return ThrowsAt3(i);
}

TEST_F(OnCluster, BatchesThatEndAsTheyAreCancelledDoNotEndTheBridge) {
  Parallel()(Calls(2, Twice));
  const std::int64_t bridge = internal::BridgePidForTest();
  for (int round = 0; round < 50; ++round) {
    EXPECT_THROW(
        Parallel({.batch_size = 1, .pre_dispatch = "all"})(Calls(40, EndsSoon)),
        std::out_of_range);
  }
  EXPECT_EQ(internal::BridgePidForTest(), bridge);
}

TEST_F(OnCluster, NobodyListens) {
  setenv("RAY_ADDRESS", "127.0.0.1:9", 1);
  parallel_config scope({.backend = "ray"});
  unsetenv("RAY_ADDRESS");
  EXPECT_THAT([] { Parallel()(Calls(2, Twice)); },
              ThrowsMessage<BrokenProcessPool>(
                  HasSubstr("no Ray cluster at 127.0.0.1:9")));
}

}  // namespace
}  // namespace joblib::testing

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  const joblib::testing::EngineHome home;
  unsetenv("RAY_ADDRESS");
  joblib::register_ray();
  if (argc > 2 && std::string_view(argv[1]) == "--killed") {
    return joblib::testing::RunKilled(argv[2]);
  }
  const int failed = RUN_ALL_TESTS();
  joblib::shutdown();
  return failed;
}
