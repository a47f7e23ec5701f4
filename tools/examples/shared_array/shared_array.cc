// joblib's example of a writeable map, in C++: tasks in worker processes write
// their results into one array, and nothing is sent back.
//
//   shared_array [--n_jobs=2] [--backend=loky] [--rows=10] [--columns=1000000]
//                [--sums=FILE]
//
// FILE keeps the sums, for numpy.memmap(FILE, dtype="float64").
#include <cstdint>
#include <exception>
#include <string>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/flags/usage.h"
#include "absl/strings/str_format.h"
#include "joblib/joblib.h"
#include "tools/examples/shared_array/row_sums.h"

ABSL_FLAG(int, n_jobs, 2, "How many workers; -1: as many as there are CPUs.");
ABSL_FLAG(std::string, backend, "loky", "loky, multiprocessing, threading.");
ABSL_FLAG(std::int64_t, rows, 10, "Of the table; each one is a task.");
ABSL_FLAG(std::int64_t, columns, 1'000'000, "Of the table.");
ABSL_FLAG(std::string, sums, "", "Where to leave the sums; empty: nowhere.");

namespace {

using joblib::Array;
using joblib::Memory;

// False: a sum is wrong.
bool Run() {
  const Array<double> table = row_sums::RandomTable(
      absl::GetFlag(FLAGS_rows), absl::GetFlag(FLAGS_columns));
  const std::int64_t rows = table.shape()[0];
  const std::string path = absl::GetFlag(FLAGS_sums);
  // Memory that all processes share: in a file, or in none.
  const auto sums = path.empty() ? Array<double>::zeros({rows}, Memory::kShared)
                                 : joblib::memmap<double>(path, "w+", {rows});
  const auto writers = Array<std::int32_t>::zeros({rows}, Memory::kShared);
  {
    joblib::parallel_config config({.backend = absl::GetFlag(FLAGS_backend),
                                    .n_jobs = absl::GetFlag(FLAGS_n_jobs)});
    row_sums::SumRows(table, sums, writers);
  }
  bool all_right = true;
  for (std::int64_t row = 0; row < rows; ++row) {
    double expected = 0;
    for (const double x : table.slice(row, row + 1)) expected += x;
    const bool right = sums(row) == expected;
    all_right = all_right && right;
    absl::PrintF("[Worker %d] Sum for row %d is %f%s\n", writers(row), row,
                 sums(row), right ? "" : ": WRONG");
  }
  absl::PrintF("%s\n", all_right ? "All sums are right." : "Some are wrong.");
  return all_right;
}

}  // namespace

int main(int argc, char** argv) {
  absl::SetProgramUsageMessage(
      "Sums the rows of a table by tasks that write into one shared array.");
  absl::ParseCommandLine(argc, argv);
  try {
    return Run() ? 0 : 1;
  } catch (const std::exception& error) {
    absl::FPrintF(stderr, "shared_array: %s\n", error.what());
    return 1;
  }
}
