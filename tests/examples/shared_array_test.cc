#include <cstdint>
#include <filesystem>
#include <set>
#include <string>
#include <tuple>

#include "gtest/gtest.h"
#include "joblib/joblib.h"
#include "tools/examples/shared_array/row_sums.h"

namespace {

using ::joblib::Array;
using ::joblib::Memory;

constexpr std::int64_t kRows = 12, kColumns = 20'000;  // 1.92 MB.

void ExpectRight(const Array<double>& table, const Array<double>& sums) {
  for (std::int64_t row = 0; row < kRows; ++row) {
    double expected = 0;
    for (const double x : table.slice(row, row + 1)) expected += x;
    EXPECT_EQ(sums(row), expected) << row;
  }
}

// Backend, n_jobs. Where there are no processes, threads run instead.
class SharedArrayTest
    : public ::testing::TestWithParam<std::tuple<std::string, int>> {
 protected:
  const joblib::parallel_config config_{
      {.backend = std::get<0>(GetParam()), .n_jobs = std::get<1>(GetParam())}};
  const Array<double> table_ = row_sums::RandomTable(kRows, kColumns);
};

TEST_P(SharedArrayTest, AllTasksWriteToOneOutput) {
  const auto sums = Array<double>::zeros({kRows}, Memory::kShared);
  auto writers = Array<std::int32_t>::zeros({kRows}, Memory::kShared);
  for (std::int32_t& writer : writers.mutable_view()) writer = -1;
  row_sums::SumRows(table_, sums, writers);
  ExpectRight(table_, sums);
  for (const std::int32_t writer : writers) {
    EXPECT_GE(writer, 0);
    EXPECT_LT(writer, std::get<1>(GetParam()));
  }
}

TEST_P(SharedArrayTest, TheOutputMayBeAFile) {
  const std::string path = ::testing::TempDir() + "/sums.bin";
  {
    const auto sums = joblib::memmap<double>(path, "w+", {kRows});
    row_sums::SumRows(table_, sums,
                      Array<std::int32_t>::zeros({kRows}, Memory::kShared));
    ExpectRight(table_, sums);
  }
  EXPECT_EQ(std::filesystem::file_size(path), kRows * sizeof(double));
  ExpectRight(table_, joblib::memmap<double>(path, "r"));
}

INSTANTIATE_TEST_SUITE_P(Everywhere, SharedArrayTest,
                         ::testing::Values(std::tuple("sequential", 1),
                                           std::tuple("threading", 2),
                                           std::tuple("loky", 2),
                                           std::tuple("multiprocessing", 2)));

TEST(RandomTableTest, IsTheSameEachTime) {
  const auto a = row_sums::RandomTable(3, 5), b = row_sums::RandomTable(3, 5);
  std::set<double> values;
  for (int i = 0; i < 15; ++i) {
    EXPECT_EQ(a.span()[i], b.span()[i]);
    EXPECT_GE(a.span()[i], 0);
    EXPECT_LT(a.span()[i], 1);
    values.insert(a.span()[i]);
  }
  EXPECT_EQ(values.size(), 15u);
}

}  // namespace
