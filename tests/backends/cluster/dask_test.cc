// The dask backend on a real Dask cluster.
#define JOBLIB_TEST_ENGINE "dask"
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tests/backends/cluster/cluster_contract.h"
#include "tests/backends/cluster/engine_process.h"
#include "tests/backends/cluster/engine_python.h"
#include "tests/testing/run_self.h"

namespace joblib::testing {
namespace {

// What a task of a nested call saw.
struct InnerTask {
  std::int64_t worker = 0;  // The engine's process.
  std::int64_t running = 0;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(worker, running);
  }
};
InnerTask RunInner(int, const std::string& counter) {
  InnerTask seen;
  seen.worker = getppid();
  seen.running = AddTo(counter, 1);
  PidAfter(2);
  AddTo(counter, -1);
  return seen;
}
std::vector<InnerTask> CallsInnerTasks(int, const std::string& counter) {
  const std::int64_t before = AddTo(counter, 1);
  PidAfter(2);
  AddTo(counter, -1);
  std::vector<InnerTask> inner =
      Parallel({.batch_size = 1})(Calls(8, RunInner, counter));
  const std::int64_t after = AddTo(counter, 1);
  AddTo(counter, -1);
  inner[0].running = std::max({inner[0].running, before, after});
  return inner;
}

// The leaves of a tree of calls.
int SumOfTree(int, int depth) {
  if (depth == 0) return 1;
  const std::vector<int> parts = Parallel()(Calls(2, SumOfTree, depth - 1));
  return parts[0] + parts[1];
}

int CallsLeaves(const std::string& folder) {
  Parallel({.batch_size = 1})(
      each(range(4), [&](int i) { return delayed(Leaves)(60000, folder, i); }));
  return 0;
}

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

TEST_F(OnCluster, NJobsAreTheThreadsOfTheWorkers) {
  for (const int n_jobs : {2, 7, -1}) EXPECT_EQ(effective_n_jobs(n_jobs), 2);
}

// Of a cluster of two workers with one thread each.
TEST_F(OnCluster, CallsNestOnTheCluster) {
  const std::string counter = File("running");
  for (int repeat = 0; repeat < 20; ++repeat) {
    const auto outer = Parallel({.batch_size = 1, .pre_dispatch = "all"})(
        Calls(8, CallsInnerTasks, counter));
    std::set<std::int64_t> workers;
    for (const std::vector<InnerTask>& inner : outer) {
      ASSERT_EQ(inner.size(), 8u);
      for (const InnerTask& task : inner) {
        workers.insert(task.worker);
        EXPECT_LE(task.running, 2);
      }
    }
    EXPECT_EQ(workers.size(), 2u);
  }
}

TEST_F(OnCluster, CallsNestDeeper) {
  const auto sums = Parallel()(Calls(2, SumOfTree, 2));
  EXPECT_EQ(sums, (std::vector<int>{4, 4}));
}

TEST_F(OnCluster, AnErrorOfANestedCallReachesTheCaller) {
  EXPECT_THROW(Parallel()(each(range(2),
                               [](int) {
                                 return delayed([](int) {
                                   Parallel()(Calls(10, ThrowsAt3));
                                 })(0);
                               })),
               std::out_of_range);
  EXPECT_EQ(Parallel()(Calls(2, Twice)), (std::vector<int>{0, 2}));
}

TEST_F(OnCluster, AStoppedCallStopsItsNestedCalls) {
  StopSource source;
  std::thread stopper([&] {
    Eventually([&] { return FilesIn(folder_) > 1; }, std::chrono::seconds(60));
    source.request_stop();
  });
  EXPECT_THROW(
      Parallel({.stop_token = source.token()})(
          each(range(2),
               [&](int) { return delayed(CallsLeaves)(folder_.string()); })),
      CancelledError);
  stopper.join();
  // All workers are free again.
  EXPECT_EQ(Parallel()(Calls(50, Twice)).size(), 50u);
}

TEST_F(OnCluster, SubmitOptionsReachDask) {
  // No worker has such a resource: it waits for one.
  EXPECT_THROW(Parallel({.timeout = 1.0,
                         .backend_params = {{"resources", {{"GPU", 1}}}}})(
                   Calls(2, Twice)),
               TimeoutError);
}

TEST(WithoutSchedulerTest, NobodyListens) {
  parallel_config scope({.backend = "dask",
                         .backend_params = {{"scheduler_host", "127.0.0.1:9"},
                                            {"connect_timeout", 1}}});
  EXPECT_THAT([] { Parallel()(Calls(2, Twice)); },
              ThrowsMessage<BrokenProcessPool>(
                  AllOf(HasSubstr("no Dask scheduler at 127.0.0.1:9"),
                        HasSubstr("scheduler_host"))));
}

TEST(WithoutSchedulerTest, SomebodyListensAndSaysNothing) {
  const SilentPeer peer;
  parallel_config scope(
      {.backend = "dask",
       .backend_params = {
           {"scheduler_host", "127.0.0.1:" + std::to_string(peer.port())},
           {"connect_timeout", 1}}});
  EXPECT_THAT([] { Parallel()(Calls(2, Twice)); },
              ThrowsMessage<BrokenProcessPool>(HasSubstr("no Dask scheduler")));
}

TEST(WithoutPythonTest, SaysWhatIsNeeded) {
  parallel_config scope({.backend = "dask",
                         .backend_params = {{"scheduler_host", "127.0.0.1:9"},
                                            {"python", "no-such-python"}}});
  EXPECT_THAT([] { Parallel()(Calls(2, Twice)); },
              ThrowsMessage<std::runtime_error>(AllOf(
                  HasSubstr("no-such-python"), HasSubstr("JOBLIB_PYTHON"))));
}

TEST(WithoutPythonTest, SaysWhatToInstall) {
  // An interpreter that sees no packages.
  const std::string bare = ::testing::TempDir() + "/bare-python";
  std::ofstream(bare) << "#!/bin/sh\nexec \"$JOBLIB_PYTHON\" -I -S \"$@\"\n";
  std::filesystem::permissions(bare, std::filesystem::perms::owner_all);
  parallel_config scope({.backend = "dask",
                         .backend_params = {{"scheduler_host", "127.0.0.1:9"},
                                            {"python", bare}}});
  EXPECT_THAT([] { Parallel()(Calls(2, Twice)); },
              ThrowsMessage<std::runtime_error>(
                  HasSubstr("-m pip install 'dask[distributed]'")));
}

TEST(WithoutClusterTest, TheScopeSaysHowToMakeOne) {
  const ProgramEnd end =
      RunSelf("--no-scheduler", "env -u DASK_SCHEDULER_ADDRESS");
  EXPECT_THAT(end.output, AllOf(HasSubstr("To use Joblib with Dask"),
                                HasSubstr("LocalCluster")));
}

int RunWithoutScheduler() {
  try {
    parallel_config scope({.backend = "dask"});
  } catch (const std::invalid_argument& error) {
    std::puts(error.what());
  }
  return 0;
}

}  // namespace
}  // namespace joblib::testing

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  const joblib::testing::EngineHome home;
  const std::string_view mode = argc > 1 ? argv[1] : "";
  if (mode == "--no-scheduler") return joblib::testing::RunWithoutScheduler();
  if (mode == "--killed" && argc > 2) {
    return joblib::testing::RunKilled(argv[2]);
  }
  const joblib::dask::LocalCluster cluster({.n_workers = 2});
  // For the programs that tests start.
  setenv("DASK_SCHEDULER_ADDRESS", cluster.address().c_str(), 1);
  return RUN_ALL_TESTS();
}
