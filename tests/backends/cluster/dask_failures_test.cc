// What a Dask cluster does to its programs: its scheduler dies, workers come
// and go, two programs have it at once.
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "joblib/joblib.h"
#include "tests/backends/cluster/cluster_tasks.h"
#include "tests/backends/cluster/engine_process.h"
#include "tests/backends/cluster/engine_python.h"
#include "tests/backends/cluster/own_dask.h"
#include "tests/testing/eventually.h"
#include "tests/testing/gates.h"
#include "tests/testing/run_self.h"

namespace joblib::testing {
namespace {

using ::testing::HasSubstr;
using Clock = std::chrono::steady_clock;

// The programs that are told apart by what they return: see Rebuilt().
constexpr std::size_t kVersionBytes = 12;
const volatile char version[kVersionBytes + 1] = "version 1 of";
std::string Version() {
  std::string text;
  for (std::size_t i = 0; i < kVersionBytes; ++i) text += version[i];
  return text;
}

class DaskFailuresTest : public OwnDask {
 protected:
  DaskFailuresTest() { StartScheduler(); }
};

auto LeaveAll(int n, const std::string& folder) {
  return each(range(n),
              [=](int i) { return delayed(Leaves)(60000, folder, i); });
}

TEST_F(DaskFailuresTest,
       AKilledSchedulerIsAnErrorAndTheNextCallWorksOnceItIsBack) {
  EngineProcess workers[] = {StartWorker(), StartWorker()};
  const parallel_config scope(Here());
  ASSERT_TRUE(AwaitWorkers(2));
  Clock::time_point killed;
  std::thread killer([&] {
    Eventually([&] { return FilesIn(folder_) > 1; }, kPatience);
    scheduler_.Kill();
    killed = Clock::now();
  });
  try {
    Parallel({.batch_size = 1})(LeaveAll(4, folder_));
    ADD_FAILURE() << "no error";
  } catch (const BrokenProcessPool& error) {
    EXPECT_THAT(error.what(), HasSubstr(address_ + " was lost"));
  }
  killer.join();
  EXPECT_LT(Clock::now() - killed, std::chrono::seconds(10));
  // Workers end with their scheduler.
  StartScheduler();
  for (EngineProcess& worker : workers) worker = StartWorker();
  EXPECT_EQ(Parallel().map(Twice, range(3)), (std::vector<int>{0, 2, 4}));
}

TEST_F(DaskFailuresTest, AKilledSchedulerIsAnErrorOfAnIdleProgramToo) {
  {
    EngineProcess worker = StartWorker();
    const parallel_config scope(Here());
    EXPECT_EQ(Parallel().map(Twice, range(2)), (std::vector<int>{0, 2}));
    scheduler_.Kill();
  }
  const parallel_config scope(Here(/*connect_timeout=*/1));
  EXPECT_THROW(Parallel().map(Twice, range(2)), BrokenProcessPool);
  StartScheduler();
  EngineProcess worker = StartWorker();
  const parallel_config patient(Here());
  EXPECT_EQ(Parallel().map(Twice, range(2)), (std::vector<int>{0, 2}));
}

// The engine's worker that ran it.
std::int64_t WorkerOf(int) {
  PidAfter(1);
  return getppid();
}

TEST_F(DaskFailuresTest, WorkersJoinAndLeaveDuringARun) {
  EngineProcess first = StartWorker();
  const EngineProcess second = StartWorker();
  const parallel_config scope(Here());
  ASSERT_TRUE(AwaitWorkers(2));
  const std::int64_t leaves = first.pid();
  EngineProcess joins;
  int since_it_left = 0;
  const auto start = Clock::now();
  Parallel parallel({.batch_size = 1, .pre_dispatch = 6});
  for (const std::int64_t worker : parallel.generator(
           each(range(1 << 30), [](int i) { return delayed(WorkerOf)(i); }))) {
    ASSERT_LT(Clock::now() - start, 2 * kPatience);
    if (joins.pid() < 0) joins = StartWorker();
    if (since_it_left == 0 && worker != joins.pid()) continue;
    if (since_it_left == 0) first.Terminate();
    if (++since_it_left == 100) break;
    // Six were under way when it left.
    if (since_it_left > 10) {
      EXPECT_NE(worker, leaves);
    }
  }
  EXPECT_EQ(since_it_left, 100);
}

// ---- Programs that have the same name and other content ----

// Shows that it runs, and waits until the other one does.
std::string Meets(const std::string& folder, const std::string& mine,
                  const std::string& other) {
  std::ofstream(folder + "/" + mine).put('.');
  const bool met = Eventually(
      [&] { return std::filesystem::exists(folder + "/" + other); }, kPatience);
  return met ? Version() : "alone";
}

int RunMeeting(const std::string& folder, const std::string& mine,
               const std::string& other) {
  const parallel_config scope(
      {.backend = "dask", .backend_params = {{"connect_timeout", 60}}});
  const std::vector<std::string> said =
      Parallel()(std::vector{delayed(Meets)(folder, mine, other)});
  std::printf("%s\n", said[0].c_str());
  return 0;
}

// This program's file at `path`, as one that was built from other sources.
void Rebuild(const std::string& path, char number) {
  std::ifstream in("/proc/self/exe", std::ios::binary);
  std::string bytes{std::istreambuf_iterator<char>(in), {}};
  const std::string old = Version();
  for (std::size_t at = 0; (at = bytes.find(old, at)) != std::string::npos;
       ++at) {
    bytes[at + 8] = number;
  }
  std::filesystem::create_directories(
      std::filesystem::path(path).parent_path());
  std::filesystem::remove(path);
  std::ofstream(path, std::ios::binary) << bytes;
  std::filesystem::permissions(path, std::filesystem::perms::owner_all);
}

class TwoPrograms : public DaskFailuresTest {
 protected:
  TwoPrograms() : workers_{StartWorker(), StartWorker()} {}
  std::string Run(const std::string& program, const char* mine,
                  const char* other) const {
    const std::string arguments =
        "--meet " + folder_.string() + " " + mine + " " + other;
    return RunProgram(program, arguments,
                      "env DASK_SCHEDULER_ADDRESS=" + address_)
        .output;
  }
  const EngineProcess workers_[2];
};

TEST_F(TwoPrograms, OfOneNameHaveTheClusterAtOnce) {
  const std::string one = folder_ / "a" / "program";
  const std::string two = folder_ / "b" / "program";
  Rebuild(one, '1');
  Rebuild(two, '2');
  std::string said;
  std::thread other([&] { said = Run(two, "two", "one"); });
  EXPECT_EQ(Run(one, "one", "two"), "version 1 of\n");
  other.join();
  EXPECT_EQ(said, "version 2 of\n");
}

TEST_F(TwoPrograms, AProgramIsRebuiltInBetween) {
  const std::string program = folder_ / "a" / "program";
  for (const char number : {'1', '2', '1', '3'}) {
    Rebuild(program, number);
    EXPECT_EQ(Run(program, "alone", "alone"),
              std::string("version ") + number + " of\n");
  }
}

}  // namespace
}  // namespace joblib::testing

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  const joblib::testing::EngineHome home;
  if (argc > 4 && std::string_view(argv[1]) == "--meet") {
    return joblib::testing::RunMeeting(argv[2], argv[3], argv[4]);
  }
  setenv("DASK_LOGGING__DISTRIBUTED", "critical", 1);
  return RUN_ALL_TESTS();
}
