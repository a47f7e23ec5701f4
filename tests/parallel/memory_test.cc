// HAZARDS.md T10: what a call adds to the process's memory. This program, run
// again for each kind of call: a peak can't be taken back.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "joblib/joblib.h"
#include "tests/testing/run_self.h"

namespace joblib {
namespace {

using testing::ProgramEnd;
using testing::RunSelf;

constexpr std::int64_t kKibibytes = 1;
constexpr std::int64_t kMebibytes = 1024 * kKibibytes;
constexpr std::int64_t kListed = 5'000'000;
constexpr std::int64_t kStreamed = 2'000'000;

// A line of /proc/self/status, in KiB.
std::int64_t StatusOf(std::string_view name) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.compare(0, name.size(), name) == 0) {
      return std::stoll(line.substr(name.size() + 1));
    }
  }
  return -1;
}
std::int64_t Resident() { return StatusOf("VmRSS"); }
std::int64_t Peak() { return StatusOf("VmHWM"); }

// Moved one by one into the list at the end; plain numbers need not be.
struct Moved {
  Moved(std::int64_t n) : number(n) {}
  Moved(Moved&& other) noexcept : number(std::exchange(other.number, -1)) {}
  Moved& operator=(Moved&&) = delete;
  operator std::int64_t() const { return number; }
  std::int64_t number;
};

template <class Result = std::int64_t, class Numbers>
auto Tasks(Numbers numbers) {
  return each(std::move(numbers), [](std::int64_t i) {
    return delayed([](std::int64_t n) { return Result(n); })(i);
  });
}

// Does not tell its length.
struct Unsized {
  Range<std::int64_t>::iterator begin() { return range(n).begin(); }
  Range<std::int64_t>::iterator end() { return range(n).end(); }
  std::int64_t n;
};

// ------------------------------------------------- what the programs do

template <class Result, class Numbers>
std::int64_t GrowthOfAList(Numbers numbers) {
  Parallel parallel({.n_jobs = 2, .backend = "threading"});
  parallel(Tasks<Result>(range<std::int64_t>(10000)));  // Threads, allocators.
  const std::int64_t before = Resident();
  const std::vector<Result> results =
      parallel(Tasks<Result>(std::move(numbers)));
  if (results.size() != kListed || results.back() != kListed - 1) return -1;
  return Peak() - before;
}

// Once a twentieth of `n_tasks` results has been read.
std::int64_t GrowthOfAGenerator(bool ordered, std::int64_t n_tasks,
                                ParallelOptions options) {
  options.n_jobs = 2;
  options.backend = "threading";
  Parallel parallel(options);
  set_warning_handler([](const Warning&) {});  // Of unused results.
  auto tasks = Tasks(range<std::int64_t>(std::int64_t{1} << 60));
  auto results =
      ordered ? parallel.generator(tasks) : parallel.generator_unordered(tasks);
  std::int64_t taken = 0, before = 0;
  for (auto it = results.begin(); taken < n_tasks; ++it, ++taken) {
    if (taken == n_tasks / 20) before = Resident();
  }
  return Peak() - before;
}

int Do(std::string_view what) {
  // Two million tasks of a debug build in a second or two.
  const ParallelOptions cheap_batches = {.batch_size = 100,
                                         .pre_dispatch = 1000};
  std::int64_t growth = -1;
  if (what == "--list") {
    growth = GrowthOfAList<std::int64_t>(range<std::int64_t>(kListed));
  } else if (what == "--moved-list") {
    growth = GrowthOfAList<Moved>(range<std::int64_t>(kListed));
  } else if (what == "--unsized-list") {
    growth = GrowthOfAList<std::int64_t>(Unsized{kListed});
  } else if (what == "--generator") {
    growth = GrowthOfAGenerator(/*ordered=*/true, kStreamed, cheap_batches);
  } else if (what == "--unordered-generator") {
    growth = GrowthOfAGenerator(/*ordered=*/false, kStreamed, cheap_batches);
  } else if (what == "--default-generator") {
    growth = GrowthOfAGenerator(/*ordered=*/true, kStreamed / 20, {});
  } else if (what == "--twice") {
    // That the measure sees what it is to see.
    const std::vector<std::int64_t> first(kListed, 1);
    const std::int64_t before = Resident();
    const std::vector<std::int64_t> second = first;
    growth = second.back() == 1 ? Peak() - before : -1;
  }
  std::printf("%lld\n", static_cast<long long>(growth));
  return 0;
}

// ------------------------------------------------- what they are to do

// In KiB.
std::int64_t GrowthOf(const std::string& what) {
  const ProgramEnd end = RunSelf(what);
  EXPECT_EQ(end.exit_code, 0) << end.output;
  const std::int64_t growth = std::atoll(end.output.c_str());
  EXPECT_GE(growth, 0) << end.output;
  std::printf("%s: %lld KiB\n", what.c_str(), static_cast<long long>(growth));
  return growth;
}

constexpr std::int64_t kResults = kListed * 8 / 1024 * kKibibytes;

TEST(MemoryTest, TheMeasureSeesACopyOfTheResults) {
  EXPECT_GT(GrowthOf("--twice"), kResults - 1 * kMebibytes);
  EXPECT_LT(GrowthOf("--twice"), kResults + 1 * kMebibytes);
}

TEST(MemoryTest, AListTakesHardlyMoreThanItsResults) {
  EXPECT_LE(GrowthOf("--list"), kResults + 2 * kMebibytes);
}

TEST(MemoryTest, AListOfResultsThatAreMovedToo) {
  EXPECT_LE(GrowthOf("--moved-list"), kResults + 2 * kMebibytes);
}

TEST(MemoryTest, AListFromAnInputWithoutLengthToo) {
  EXPECT_LE(GrowthOf("--unsized-list"), kResults + 2 * kMebibytes);
}

TEST(MemoryTest, AnEndlessGeneratorTakesNoMoreWithEachResult) {
  EXPECT_LT(GrowthOf("--generator"), 4 * kMebibytes);
  EXPECT_LT(GrowthOf("--unordered-generator"), 4 * kMebibytes);
}

TEST(MemoryTest, NorWithBatchesThatSizeThemselves) {
  EXPECT_LT(GrowthOf("--default-generator"), 1 * kMebibytes);
}

}  // namespace
}  // namespace joblib

int main(int argc, char** argv) {
  if (argc > 1 && std::string_view(argv[1]).substr(0, 8) != "--gtest_") {
    return joblib::Do(argv[1]);
  }
  ::testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
