#include "tools/examples/shared_array/row_sums.h"

#include <random>

namespace row_sums {
namespace {

using joblib::Array;

void SumRow(const Array<double>& table, Array<double> sums,
            Array<std::int32_t> writers, std::int64_t row) {
  double sum = 0;
  for (const double x : table.slice(row, row + 1)) sum += x;
  // No other task writes to this place: nobody has to wait for anybody.
  sums.mutable_view()(row) = sum;
  writers.mutable_view()(row) = joblib::worker_index();
}

}  // namespace

Array<double> RandomTable(std::int64_t rows, std::int64_t columns) {
  auto table = Array<double>::empty({rows, columns});
  std::mt19937_64 random(1);
  for (double& x : table.mutable_view()) {
    x = static_cast<double>(random() >> 11) * 0x1p-53;
  }
  return table;
}

void SumRows(const Array<double>& table, const Array<double>& sums,
             const Array<std::int32_t>& writers) {
  joblib::Parallel()(
      joblib::each(joblib::range(table.shape()[0]), [&](std::int64_t row) {
        return joblib::delayed(SumRow)(table, sums, writers, row);
      }));
}

}  // namespace row_sums
