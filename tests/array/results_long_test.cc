// Ten thousand rounds of large results, after which nothing has grown; and
// results of more bytes than 32 bits count.
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "joblib/joblib.h"
#include "native/thread.h"
#include "tests/backends/process/children.h"

namespace joblib::testing {
namespace {

constexpr std::int64_t kSize = 1 << 18;                // 2 MiB.
constexpr std::int64_t kHuge = std::int64_t{5} << 27;  // 5 GiB.
constexpr int kRounds = 10'000;
constexpr int kFirst = 500;  // Until then everything has its size.

struct Held {
  std::int64_t descriptors = 0, maps = 0, resident_kib = 0;
};

// Of this process and of its workers.
Held HeldNow() {
  std::vector<std::int64_t> all = Children();
  all.push_back(native::ProcessId());
  Held held;
  for (const std::int64_t pid : all) {
    const std::string proc = "/proc/" + std::to_string(pid);
    std::error_code error;
    const std::filesystem::directory_iterator descriptors(proc + "/fd", error);
    held.descriptors += std::distance(begin(descriptors), end(descriptors));
    std::ifstream maps(proc + "/maps");
    for (std::string line; std::getline(maps, line);) ++held.maps;
    std::ifstream status(proc + "/status");
    for (std::string line; std::getline(status, line);) {
      if (line.rfind("VmRSS:", 0) == 0) {
        held.resident_kib += std::atoll(line.c_str() + 6);
      }
    }
  }
  return held;
}

Array<double> Make(int i) {
  auto array = Array<double>::empty({kSize});
  for (double& x : array.mutable_span()) x = i;
  return array;
}

TEST(ResultsLongTest, TenThousandRoundsLeaveNothing) {
  Parallel parallel({.n_jobs = 2, .backend = "loky"});
  auto session = parallel.session();
  Held first;
  for (int round = 0; round < kRounds; ++round) {
    const auto results = parallel(
        each(range(2), [&](int i) { return delayed(Make)(2 * round + i); }));
    for (int i = 0; i < 2; ++i) {
      const auto& result = results[static_cast<std::size_t>(i)];
      ASSERT_EQ(result(0), 2 * round + i);
      ASSERT_EQ(result(kSize - 1), 2 * round + i);
    }
    if (round == kFirst) first = HeldNow();
  }
  const Held last = HeldNow();
  EXPECT_LE(last.descriptors, first.descriptors + 4);
  EXPECT_LE(last.maps, first.maps + 16);
  EXPECT_LE(last.resident_kib, first.resident_kib + (16 << 10));
}

// ---- 5 GiB.

// Different at each distance that a wrong count of bytes could give.
double Element(std::int64_t i) { return static_cast<double>(i * 3 + 1); }

Array<double> InPlace() {
  auto array = Array<double>::empty({kHuge});
  std::int64_t i = 0;
  for (double& x : array.mutable_span()) x = Element(i++);
  return array;
}
// Is copied on its way: its memory is the vector's.
Array<double> FromVector() {
  std::vector<double> all(kHuge);
  for (std::int64_t i = 0; i < kHuge; ++i) {
    all[static_cast<std::size_t>(i)] = Element(i);
  }
  return Array<double>::from(std::move(all), {kHuge});
}

std::int64_t AvailableBytes() {
  std::ifstream file("/proc/meminfo");
  std::string name;
  for (std::int64_t kilobytes = 0; file >> name;) {
    if (name == "MemAvailable:" && file >> kilobytes) return kilobytes << 10;
  }
  return 0;
}

void ExpectHuge(Array<double> (*make)(), std::int64_t copies) {
  shutdown();
  if (AvailableBytes() < copies * kHuge * 8 + (std::int64_t{1} << 30)) {
    GTEST_SKIP() << "not enough memory";
  }
  Parallel parallel({.n_jobs = 2, .backend = "loky"});
  const auto results =
      parallel(each(range(1), [&](int) { return delayed(make)(); }));
  ASSERT_EQ(results[0].size(), kHuge);
  std::int64_t i = 0, wrong = 0;
  for (const double x : results[0].span()) wrong += x != Element(i++) ? 1 : 0;
  EXPECT_EQ(i, kHuge);
  EXPECT_EQ(wrong, 0);
}

TEST(ResultsLongTest, FiveGibibytesMadeInPlaceArrive) {
  ExpectHuge(InPlace, 1);
}
TEST(ResultsLongTest, FiveGibibytesThatAreCopiedArrive) {
  ExpectHuge(FromVector, 2);
}

}  // namespace
}  // namespace joblib::testing
