// What the tasks of the array benchmarks do, ours and the raw ones.
#ifndef TESTS_BENCHMARKS_LARGE_ARRAYS_H_
#define TESTS_BENCHMARKS_LARGE_ARRAYS_H_

#include <algorithm>
#include <cstddef>
#include <span>

namespace joblib::benchmarks {

// The array that tasks sum.
inline constexpr std::size_t kLargeBytes = std::size_t{512} << 20;
inline constexpr std::size_t kLargeSize = kLargeBytes / sizeof(double);
inline constexpr int kSums = 4;
// The arrays that tasks make.
inline constexpr std::size_t kResultBytes = std::size_t{64} << 20;
inline constexpr std::size_t kResultSize = kResultBytes / sizeof(double);
inline constexpr int kResults = 8;

// In four chains: as fast as memory is.
inline double SumOf(std::span<const double> values) {
  double sums[4] = {};
  for (std::size_t i = 0; i + 4 <= values.size(); i += 4) {
    for (std::size_t k = 0; k < 4; ++k) sums[k] += values[i + k];
  }
  return sums[0] + sums[1] + sums[2] + sums[3];
}

inline void FillWith(std::span<double> values, double value) {
  std::fill(values.begin(), values.end(), value);
}

}  // namespace joblib::benchmarks

#endif  // TESTS_BENCHMARKS_LARGE_ARRAYS_H_
