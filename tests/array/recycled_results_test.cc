// The memory of large results, used again once nobody holds it any more.
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "joblib/joblib.h"
#include "tests/backends/process/children.h"
#include "tests/testing/eventually.h"
#include "tests/testing/mapped_inode.h"

namespace joblib::testing {
namespace {

constexpr std::int64_t kSize = 250'000;  // 2 MB.
constexpr std::chrono::seconds kLimit{20};

std::int64_t InodeOf(const Array<double>& array) {
  return InodeAt(&*array.begin());
}

// Maps of results in a process, and how much of them is there.
struct Kept {
  int maps = 0;
  std::int64_t bytes = 0;
  int with_access = 0;
};
Kept KeptBy(std::int64_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/smaps");
  Kept kept;
  bool is_ours = false;
  for (std::string line; std::getline(file, line);) {
    const std::size_t colon = line.find(':');
    if (line.find("joblib-array") != std::string::npos) {
      is_ours = true;
      ++kept.maps;
      kept.with_access += line.find(" rw-s ") != std::string::npos ? 1 : 0;
    } else if (line.find('-') < line.find(' ') && colon > line.find(' ')) {
      is_ours = false;
    } else if (is_ours && line.rfind("Rss:", 0) == 0) {
      kept.bytes += std::stoll(line.substr(4)) << 10;
    }
  }
  return kept;
}

Array<double> Filled(std::int64_t size, double value) {
  auto array = Array<double>::empty({size});
  for (double& x : array.mutable_span()) x = value;
  return array;
}
Array<double> Make(int i) { return Filled(kSize, i); }
Array<double> Zeros(int /*i*/) { return Array<double>::zeros({kSize}); }

// One worker, so that it is known whose memory is whose.
ParallelOptions OneWorker() {
  ParallelOptions options;
  options.n_jobs = 2;
  options.backend = "loky";
  options.batch_size = 1;
  options.pre_dispatch = 1;
  return options;
}

template <class F>
Array<double> RunOne(F f, int i = 0) {
  Parallel parallel(OneWorker());
  return parallel(each(range(1), [&](int) { return delayed(f)(i); }))[0];
}

bool IsAll(const Array<double>& array, double value) {
  return std::all_of(array.begin(), array.end(),
                     [&](double x) { return x == value; });
}

class RecycledResultsTest : public ::testing::Test {
 protected:
  // Workers of its own, that keep nothing yet.
  RecycledResultsTest() { shutdown(); }
};

TEST_F(RecycledResultsTest, MemoryThatIsFreeIsUsedAgain) {
  std::set<std::int64_t> inodes;
  for (int i = 0; i < 20; ++i) {
    const Array<double> result = RunOne(Make, i);
    EXPECT_TRUE(IsAll(result, i));
    inodes.insert(InodeOf(result));
  }
  EXPECT_LE(inodes.size(), 4u);  // Two workers may have run them.
  EXPECT_TRUE(IsAll(RunOne(Zeros), 0));
}

TEST_F(RecycledResultsTest, WhatIsHeldHereStays) {
  std::vector<Array<double>> held;
  std::set<std::int64_t> inodes;
  for (int i = 0; i < 40; ++i) {
    held.push_back(RunOne(Make, i));
    inodes.insert(InodeOf(held.back()));
    // A view holds it as well.
    if (i % 2 == 0) held.back() = held.back().slice(10, 20);
    if (i % 3 == 0) RunOne(Make, -1);
  }
  EXPECT_EQ(inodes.size(), held.size());
  for (int i = 0; i < 40; ++i) {
    EXPECT_TRUE(IsAll(held[static_cast<std::size_t>(i)], i)) << i;
  }
}

TEST_F(RecycledResultsTest, TheWorkerHasNoAccessToWhatItHandedOver) {
  std::vector<Array<double>> held;
  for (int i = 0; i < 3; ++i) held.push_back(RunOne(Make, i));
  int maps = 0;
  for (const std::int64_t pid : Children()) {
    const Kept kept = KeptBy(pid);
    maps += kept.maps;
    EXPECT_EQ(kept.with_access, 0);
  }
  EXPECT_EQ(maps, 3);
}

// ---- Held by somebody in the worker.

Array<double> OfACache(int i) {
  static const auto* const cache = new Array<double>(Filled(kSize, 7));
  if (i > 0) return Filled(kSize, i);
  return *cache;
}

TEST_F(RecycledResultsTest, WhatAWorkerHoldsIsNotUsedAgain) {
  for (int i = 0; i < 12; ++i) {
    EXPECT_TRUE(IsAll(RunOne(OfACache, i % 3), i % 3 == 0 ? 7 : i % 3));
  }
}

// ---- Held by a process that was forked.

TEST_F(RecycledResultsTest, WhatAForkedProcessHoldsIsNotUsedAgain) {
  auto result = std::make_unique<Array<double>>(RunOne(Make, 5));
  const std::int64_t inode = InodeOf(*result);
  int go[2], answer[2];
  ASSERT_EQ(pipe(go), 0);
  ASSERT_EQ(pipe(answer), 0);
  const pid_t child = fork();
  if (child == 0) {
    char c = 0;
    if (read(go[0], &c, 1) != 1) _exit(1);
    c = IsAll(*result, 5) ? 'y' : 'n';
    result.reset();  // Nor does that tell the worker anything.
    if (write(answer[1], &c, 1) != 1) _exit(1);
    pause();
  }
  result.reset();
  for (int i = 10; i < 16; ++i) EXPECT_NE(InodeOf(RunOne(Make, i)), inode);
  char c = 'g';
  EXPECT_EQ(write(go[1], &c, 1), 1);
  EXPECT_EQ(read(answer[0], &c, 1), 1);
  EXPECT_EQ(c, 'y');
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  for (const int fd : {go[0], go[1], answer[0], answer[1]}) close(fd);
  // What came since is.
  std::set<std::int64_t> inodes;
  for (int i = 0; i < 10; ++i) inodes.insert(InodeOf(RunOne(Make, i)));
  EXPECT_LE(inodes.size(), 4u);
}

TEST_F(RecycledResultsTest, AForkedProcessGivesNothingBack) {
  const Array<double> result = RunOne(Make, 5);
  const pid_t child = fork();
  if (child == 0) {
    {
      const Array<double> gone = std::move(const_cast<Array<double>&>(result));
    }
    _exit(0);
  }
  waitpid(child, nullptr, 0);
  for (int i = 10; i < 16; ++i) RunOne(Make, i);
  EXPECT_TRUE(IsAll(result, 5));
}

// Leaves a process behind that holds the array of the task, and asks for it
// later.
Array<double> ForksWith(int i) {
  Array<double> array = Filled(kSize, i);
  if (fork() == 0) {
    // It writes to what it shares with the task, again and again.
    for (int k = 0; k < 200; ++k) {
      array.mutable_view()(0) = -1;
      usleep(5000);
    }
    _exit(0);
  }
  return array;
}

TEST_F(RecycledResultsTest, WhatATaskSharesWithItsChildIsNotUsedAgain) {
  const std::int64_t shared = InodeOf(RunOne(ForksWith, 3));
  for (int i = 10; i < 30; ++i) {
    const Array<double> result = RunOne(Make, i);
    EXPECT_NE(InodeOf(result), shared);
    EXPECT_TRUE(IsAll(result, i));
  }
}

// ---- Bounds.

TEST_F(RecycledResultsTest, IdleWorkersKeepNothing) {
  for (int i = 0; i < 4; ++i) RunOne(Make, i);
  const auto kept = [] {
    int maps = 0;
    for (const std::int64_t pid : Children()) maps += KeptBy(pid).maps;
    return maps;
  };
  EXPECT_TRUE(Eventually([&] { return kept() == 0; }, kLimit));
  // Also what is dropped while they are idle.
  auto result = std::make_unique<Array<double>>(RunOne(Make, 5));
  EXPECT_GT(kept(), 0);
  result.reset();
  EXPECT_TRUE(Eventually([&] { return kept() == 0; }, kLimit));
  EXPECT_TRUE(IsAll(RunOne(Make, 6), 6));
}

std::vector<Array<double>> Many(int n) {
  std::vector<Array<double>> many;
  for (int i = 0; i < n; ++i) many.push_back(Filled(kSize, i));
  return many;
}

// They stay the worker's.
int MakesAndDrops(int n) { return static_cast<int>(Many(n).size()); }

TEST_F(RecycledResultsTest, AWorkerKeepsSoManyAtMost) {
  Parallel parallel(OneWorker());
  parallel(each(range(2), [](int) { return delayed(MakesAndDrops)(60); }));
  int maps = 0;
  for (const std::int64_t pid : Children()) {
    const Kept kept = KeptBy(pid);
    maps += kept.maps;
    EXPECT_LE(kept.maps, 32);
  }
  EXPECT_GE(maps, 32);
  for (int round = 0; round < 3; ++round) {
    const auto many =
        parallel(each(range(1), [&](int) { return delayed(Many)(60); }))[0];
    for (int i = 0; i < 60; ++i) {
      EXPECT_TRUE(IsAll(many[static_cast<std::size_t>(i)], i));
    }
    for (const std::int64_t pid : Children()) {
      EXPECT_LE(KeptBy(pid).maps, 32);
    }
  }
}

Array<double> OfSize(int megabytes) {
  return Filled(std::int64_t{megabytes} << 17, megabytes);
}

TEST_F(RecycledResultsTest, AWorkerKeepsSoMuchAtMost) {
  std::vector<Array<double>> held;
  for (int i = 0; i < 12; ++i) held.push_back(RunOne(OfSize, 65 + i));
  held.clear();
  for (int i = 0; i < 12; ++i) RunOne(OfSize, 80 + i);
  for (const std::int64_t pid : Children()) {
    EXPECT_LE(KeptBy(pid).bytes, std::int64_t{512} << 20);
  }
}

}  // namespace
}  // namespace joblib::testing
