// joblib::Shared on worker processes: read once in each worker, however many
// tasks and calls use it, and gone from there with its last handle.
#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "joblib/joblib.h"
#include "native/thread.h"
#include "tests/testing/shared_counters.h"

namespace joblib::testing {
namespace {

using ::testing::Each;
using ::testing::Ge;
using ::testing::Pair;
using ::testing::SizeIs;

std::atomic<int> n_read{0};  // In this process.
std::atomic<int> n_written{0};

struct Counted {
  std::vector<double> values;
  template <class Archive>
  void save(Archive& archive) const {
    ++n_written;
    archive(values);
  }
  template <class Archive>
  void load(Archive& archive) {
    ++n_read;
    archive(values);
  }
};

// (process, how often it has read one).
std::pair<std::int64_t, int> Use(const Shared<Counted>& shared, int i) {
  if (shared->values.at(static_cast<std::size_t>(i)) != i) return {0, 0};
  return {native::ProcessId(), n_read.load()};
}

std::vector<double> Numbers(std::size_t n) {
  std::vector<double> numbers(n);
  for (std::size_t i = 0; i < n; ++i) numbers[i] = static_cast<double>(i);
  return numbers;
}

TEST(SharedValueTest, IsReadOncePerWorkerHoweverManyTasksAndCalls) {
  shutdown();
  n_written = 0;
  const Shared<Counted> shared(Counted{Numbers(200'000)});
  for (int call = 0; call < 3; ++call) {
    for (const int batch_size : {1, 50}) {
      const auto uses = Parallel({.n_jobs = 2, .batch_size = batch_size})(
          each(range(200), [&](int i) { return delayed(Use)(shared, i); }));
      EXPECT_THAT(uses, Each(Pair(Ge(1), 1)));
    }
  }
  EXPECT_EQ(n_written.load(), 1);
}

// kB of memory that this process has in use.
std::int64_t MemoryHere(const SharedCounters& arrived) {
  arrived.Add();
  if (!arrived.AwaitAtLeast(0, 2)) return -1;
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;) {
    std::int64_t n = 0;
    if (word == "VmRSS:" && status >> n) return n;
  }
  return -1;
}
std::vector<std::int64_t> MemoryOfWorkers() {
  const auto arrived = SharedCounters::Zeros();
  return Parallel({.n_jobs = 2, .batch_size = 1})(
      each(range(2), [&](int) { return delayed(MemoryHere)(arrived); }));
}

std::int64_t Most(const std::vector<std::int64_t>& kilobytes) {
  EXPECT_THAT(kilobytes, SizeIs(2));
  EXPECT_THAT(kilobytes, Each(Ge(0)));
  return *std::max_element(kilobytes.begin(), kilobytes.end());
}

TEST(SharedValueTest, IsGoneFromWorkersWithItsLastHandle) {
#if defined(__SANITIZE_ADDRESS__)
  GTEST_SKIP() << "its allocator keeps what was freed for a while";
#endif
  shutdown();
  constexpr std::size_t kNumbers = 8 << 20;
  constexpr std::int64_t kBytes = 8 * kNumbers / 1024;
  const std::int64_t before = Most(MemoryOfWorkers());
  std::optional<Shared<Counted>> shared(Counted{Numbers(kNumbers)});
  Parallel({.n_jobs = 2, .batch_size = 1})(
      each(range(20), [&](int i) { return delayed(Use)(*shared, i); }));
  EXPECT_GT(Most(MemoryOfWorkers()), before + kBytes / 2);
  shared.reset();
  MemoryOfWorkers();  // It tells them.
  EXPECT_LT(Most(MemoryOfWorkers()), before + kBytes / 2);
}

}  // namespace
}  // namespace joblib::testing
