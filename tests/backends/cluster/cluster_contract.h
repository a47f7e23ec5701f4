// What holds on both engines: included once by each one's test program, which
// has a cluster of two workers and defines JOBLIB_TEST_ENGINE, its name.
#ifndef JOBLIB_TESTS_BACKENDS_CLUSTER_CLUSTER_CONTRACT_H_
#define JOBLIB_TESTS_BACKENDS_CLUSTER_CLUSTER_CONTRACT_H_

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "joblib/backends/cluster/connection.h"
#include "joblib/joblib.h"
#include "tests/backends/cluster/cluster_tasks.h"
#include "tests/testing/eventually.h"
#include "tests/testing/run_self.h"
#include "tools/examples/digits_forest/digits.h"
#include "tools/examples/digits_forest/forest.h"

namespace joblib::testing {

constexpr const char* kEngine = JOBLIB_TEST_ENGINE;

class OnCluster : public ::testing::Test {
 protected:
  OnCluster() : scope_({.backend = kEngine}) {
    folder_ = std::filesystem::path(::testing::TempDir()) /
              ::testing::UnitTest::GetInstance()->current_test_info()->name();
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
  }
  // A test before may have ended one of the two workers.
  void SetUp() override {
    ASSERT_TRUE(Eventually([] { return effective_n_jobs(-1) == 2; },
                           std::chrono::seconds(60)));
  }
  std::string File(const char* name) const { return folder_ / name; }

  const parallel_config scope_;
  std::filesystem::path folder_;
};

template <class F, class... Args>
auto Calls(int n, F f, Args... args) {
  return each(range(n), [=](int i) { return delayed(f)(i, args...); });
}

TEST_F(OnCluster, ResultsKeepTheOrderOfTheTasks) {
  const std::vector<int> results = Parallel()(Calls(100, Twice));
  ASSERT_EQ(results.size(), 100u);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(results[i], 2 * i);
}

TEST_F(OnCluster, TasksRunInSeveralOtherProcesses) {
  const auto pids = Parallel({.batch_size = 1})(
      each(range(10), [](int) { return delayed(PidAfter)(100); }));
  const std::set<std::int64_t> different(pids.begin(), pids.end());
  EXPECT_GE(different.size(), 2u);
  EXPECT_EQ(different.count(getpid()), 0u);
}

TEST_F(OnCluster, ManyTasksInBatches) {
  const std::vector<int> results =
      Parallel({.batch_size = 1000})(Calls(20000, Twice));
  ASSERT_EQ(results.size(), 20000u);
  EXPECT_EQ(results[19999], 2 * 19999);
}

TEST_F(OnCluster, ALargeArgumentAndResult) {
  const auto results = Parallel()(each(range(2), [](int i) {
    return delayed([](std::vector<double> v) { return v; })(
        std::vector<double>(1 << 20, i));
  }));
  EXPECT_EQ(results[1], std::vector<double>(1 << 20, 1));
}

TEST_F(OnCluster, ALargeArrayIsMappedOnceOnEachNode) {
  const auto array = Counted(8 << 20);  // 64 MiB.
  const std::vector<SeenArray> seen = Parallel({.batch_size = 1})(
      each(range(8), [&](int) { return delayed(LookAt)(array, 50); }));
  std::set<std::int64_t> pids;
  std::set<std::string> files;
  for (const SeenArray& one : seen) {
    pids.insert(one.pid);
    files.insert(one.file);
    EXPECT_EQ(one.mode, "r");
    EXPECT_FALSE(one.writeable);
    EXPECT_EQ(one.sum, LookAt(array, 0).sum);
  }
  EXPECT_GE(pids.size(), 2u);
  EXPECT_THAT(files, ::testing::ElementsAre(::testing::HasSubstr("memfd")));
}

TEST_F(OnCluster, AnArrayThatWasChangedIsSentAnew) {
  auto array = Counted(1 << 20);
  for (int i = 0; i < 3; ++i) {
    array.mutable_view()(0) = i;
    const auto seen = Parallel()(
        each(range(4), [&](int) { return delayed(LookAt)(array, 0); }));
    for (const SeenArray& one : seen) EXPECT_EQ(one.sum, LookAt(array, 0).sum);
  }
}

TEST_F(OnCluster, ModeCIsACopyOfEachTask) {
  const auto array = Counted(1 << 20);
  const auto firsts = Parallel({.mmap_mode = "c"})(each(
      range(4), [&](int i) { return delayed(WritesFirst)(array, i + 1); }));
  EXPECT_EQ(firsts, (std::vector<double>{1, 2, 3, 4}));
  EXPECT_EQ(array(0), 0);
}

TEST_F(OnCluster, SharedIsDecodedOnceInEachProcess) {
  const Shared<Numbers> numbers(Numbers{std::vector<double>(1 << 20, 2)});
  const auto seen = Parallel({.batch_size = 1})(each(
      range(20), [&](int i) { return delayed(DecodedTimes)(numbers, i); }));
  for (const std::int64_t times : seen) EXPECT_EQ(times, 1);
}

TEST_F(OnCluster, ALargeSharedArrayAndALargeResult) {
  const auto array = Counted(32 << 20);  // 256 MiB.
  const auto sums = Parallel()(
      each(range(4), [&](int) { return delayed(LookAt)(array, 0); }));
  for (const SeenArray& one : sums) EXPECT_EQ(one.bytes, array.nbytes());
  const auto results = Parallel({.batch_size = 1})(Calls(2, ArrayOf, 8 << 20));
  EXPECT_EQ(results[1].size(), 8 << 20);  // 64 MiB.
  EXPECT_EQ(results[1](12345), 1);
}

TEST_F(OnCluster, AMapOfAFileIsThatFile) {
  const std::string file = File("x.npy");
  dump(Counted(1000), file);
  const auto writeable = load<double>(file, "r+");
  const auto firsts = Parallel({.batch_size = 1})(each(range(2), [&](int i) {
    return delayed(WritesFirst)(writeable.slice(500 * i, 500 * i + 500), i + 1);
  }));
  EXPECT_EQ(firsts, (std::vector<double>{1, 502}));
  EXPECT_EQ(writeable(500), 502);
  const auto seen = Parallel()(each(range(2), [&](int) {
    return delayed(LookAt)(load<double>(file, "r"), 0);
  }));
  EXPECT_THAT(seen[0].file, ::testing::HasSubstr("x.npy"));
}

TEST_F(OnCluster, AMapOfAFileThatIsAnotherOneThereTravelsByValue) {
  const std::string file = File("x.npy");
  for (const char* mode : {"r", "r+"}) {
    dump(Counted(1000), file);
    const auto array = load<double>(file, mode);
    std::filesystem::remove(file);
    // What the system calls it from now on is the name of another one.
    dump(Counted(2000), file + " (deleted)");
    const auto call = [&] {
      return Parallel()(
          each(range(2), [&](int) { return delayed(LookAt)(array, 0); }));
    };
    if (std::string(mode) == "r") {
      EXPECT_EQ(call()[1].sum, 499500);
    } else {
      EXPECT_THAT(call, ::testing::ThrowsMessage<std::invalid_argument>(
                            ::testing::HasSubstr("x.npy")));
    }
  }
}

TEST_F(OnCluster, AnExceptionArrivesWithItsOwnType) {
  EXPECT_THROW(Parallel()(Calls(10, ThrowsAt3)), std::out_of_range);
  EXPECT_EQ(Parallel()(Calls(2, Twice)), (std::vector<int>{0, 2}));
}

TEST_F(OnCluster, ACrashNamesItsTask) {
  for (const int batch_size : {1, 5}) {
    try {
      Parallel({.batch_size = batch_size})(Calls(10, CrashesAt3));
      ADD_FAILURE() << "no error";
    } catch (const TerminatedWorkerError& error) {
      EXPECT_EQ(error.task_index(), 3);
      EXPECT_EQ(error.signal(), SIGSEGV);
    }
  }
  EXPECT_EQ(Parallel()(Calls(2, Twice)), (std::vector<int>{0, 2}));
}

TEST_F(OnCluster, AnExitNamesItsTask) {
  try {
    Parallel()(Calls(10, ExitsAt3));
    ADD_FAILURE() << "no error";
  } catch (const TerminatedWorkerError& error) {
    EXPECT_EQ(error.task_index(), 3);
    EXPECT_EQ(error.exit_code(), 7);
  }
}

TEST_F(OnCluster, ACrashLeavesTheOthersUnharmed) {
  const auto outcomes =
      Parallel({.batch_size = 5}).collect(Calls(10, CrashesAt3));
  ASSERT_EQ(outcomes.size(), 10u);
  for (int i = 0; i < 10; ++i) {
    ASSERT_EQ(outcomes[i].has_value(), i != 3);
    if (i != 3) {
      EXPECT_EQ(outcomes[i].value(), i);
    }
  }
}

TEST_F(OnCluster, ACrashedTaskIsTriedAgain) {
  EXPECT_EQ(Parallel({.batch_size = 3, .max_retries = 1})(
                Calls(6, CrashesOnce, File("once"))),
            (std::vector<int>{0, 1, 2, 3, 4, 5}));
}

TEST_F(OnCluster, AKilledWorkerOfTheEngineCostsNoTask) {
  EXPECT_EQ(
      Parallel({.batch_size = 1})(Calls(6, KillsItsWorkerOnce, File("once"))),
      (std::vector<int>{0, 1, 2, 3, 4, 5}));
}

TEST_F(OnCluster, ATimeoutEndsTheCallAndItsTasks) {
  EXPECT_THROW(
      Parallel({.timeout = 0.5, .batch_size = 1})(each(
          range(20),
          [&](int i) { return delayed(Leaves)(60000, folder_.string(), i); })),
      TimeoutError);
  EXPECT_EQ(Parallel()(Calls(2, Twice)), (std::vector<int>{0, 2}));
}

TEST_F(OnCluster, ATaskTimeoutEndsThatTaskAlone) {
  const auto outcomes = Parallel({.batch_size = 2, .task_timeout = 1.0})
                            .collect(each(range(4), [](int i) {
                              return delayed(PidAfter)(i == 1 ? 60000 : 1);
                            }));
  for (int i = 0; i < 4; ++i) EXPECT_EQ(outcomes[i].has_value(), i != 1);
  EXPECT_THROW(outcomes[1].value(), TimeoutError);
}

TEST_F(OnCluster, AStoppedCallStartsNothingMore) {
  StopSource source;
  std::thread stopper([&] {
    Eventually([&] { return FilesIn(folder_) > 0; }, std::chrono::seconds(60));
    source.request_stop();
  });
  EXPECT_THROW(Parallel({.batch_size = 1,
                         .pre_dispatch = "all",
                         .stop_token = source.token()})(
                   each(range(40),
                        [&](int i) {
                          return delayed(Leaves)(60000, folder_.string(), i);
                        })),
               CancelledError);
  stopper.join();
  const int begun = FilesIn(folder_);
  EXPECT_LT(begun, 40);
  // Whoever had a worker has none now, and what was queued is gone.
  EXPECT_EQ(Parallel()(Calls(50, Twice)).size(), 50u);
  EXPECT_EQ(FilesIn(folder_), begun);
}

TEST_F(OnCluster, Generators) {
  int expected = 0;
  for (const int result : Parallel().generator(Calls(20, Twice))) {
    EXPECT_EQ(result, expected);
    expected += 2;
  }
  EXPECT_EQ(expected, 40);
  std::set<int> seen;
  for (const int r : Parallel().generator_unordered(Calls(20, Twice))) {
    seen.insert(r);
  }
  EXPECT_EQ(seen.size(), 20u);
}

TEST_F(OnCluster, CallsNest) {
  const auto sums = Parallel()(each(range(3), [](int i) {
    return delayed([](int k) {
      const auto inner = Parallel({.n_jobs = 2})(Calls(4, Twice));
      return inner[3] + k;
    })(i);
  }));
  EXPECT_EQ(sums, (std::vector<int>{6, 7, 8}));
}

// The digest of tests/examples/digits_forest_test.cc.
TEST_F(OnCluster, AForestIsThatOfTheOtherBackends) {
  const forest::Dataset train =
      digits::HoldOutQuarter(*digits::ParseCsv(digits::EmbeddedCsv())).train;
  EXPECT_EQ(forest::Digest(forest::Fit(train, {.n_trees = 40})),
            0xc3299c5b9d396bc3);
}

TEST_F(OnCluster, SeveralThreadsCallAtOnce) {
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([] {
      parallel_config scope({.backend = kEngine});
      EXPECT_EQ(Parallel()(Calls(20, Twice))[19], 38);
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST_F(OnCluster, AKilledBridgeIsAnErrorAndTheNextCallHasANewOne) {
  Parallel()(Calls(2, Twice));
  const auto bridge = static_cast<pid_t>(internal::BridgePidForTest());
  ASSERT_GT(bridge, 0);
  std::thread killer([&] {
    Eventually([&] { return FilesIn(folder_) > 0; }, std::chrono::seconds(60));
    kill(bridge, SIGKILL);
  });
  EXPECT_THROW(
      Parallel({.batch_size = 1})(each(
          range(4),
          [&](int i) { return delayed(Leaves)(3000, folder_.string(), i); })),
      BrokenProcessPool);
  killer.join();
  EXPECT_EQ(Parallel()(Calls(2, Twice)), (std::vector<int>{0, 2}));
}

// A program, "--killed" with a folder: its tasks have begun when it is killed.
inline int RunKilled(const std::string& folder) {
  std::thread killer([&] {
    Eventually([&] { return FilesIn(folder) > 1; }, std::chrono::seconds(60));
    raise(SIGKILL);
  });
  parallel_config scope({.backend = kEngine});
  Parallel({.batch_size = 1})(
      each(range(4), [&](int i) { return delayed(Leaves)(60000, folder, i); }));
  return 1;
}

TEST_F(OnCluster, WhatAProgramThatWasKilledLeavesGoes) {
  shutdown();
  const auto programs = [] { return ProcessesWith("/program"); };
  const auto bridges = [] { return ProcessesWith("joblib-bridge"); };
  const auto limit = std::chrono::seconds(60);
  ASSERT_TRUE(Eventually([&] { return programs() == 0; }, limit));
  const int bridges_before = bridges();
  const std::string begun = File("begun"), temp = File("temp");
  std::filesystem::create_directory(begun);
  std::filesystem::create_directory(temp);
  const ProgramEnd end =
      RunSelf("--killed " + begun, "env TEST_TMPDIR=" + temp);
  EXPECT_EQ(end.signal, SIGKILL) << end.output;
  EXPECT_TRUE(Eventually([&] { return bridges() == bridges_before; }, limit));
  EXPECT_TRUE(Eventually([&] { return programs() == 0; }, limit));
  EXPECT_TRUE(
      Eventually([&] { return std::filesystem::is_empty(temp); }, limit));
}

}  // namespace joblib::testing

#endif  // JOBLIB_TESTS_BACKENDS_CLUSTER_CLUSTER_CONTRACT_H_
