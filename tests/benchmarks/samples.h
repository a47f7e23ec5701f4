// What a benchmark does with measurements of its own.
#ifndef TESTS_BENCHMARKS_SAMPLES_H_
#define TESTS_BENCHMARKS_SAMPLES_H_

#include <algorithm>
#include <chrono>
#include <vector>

namespace joblib::benchmarks {

using Clock = std::chrono::steady_clock;

inline double MicrosecondsSince(Clock::time_point start) {
  return std::chrono::duration<double, std::micro>(Clock::now() - start)
      .count();
}

inline double Median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + values.size() / 2,
                   values.end());
  return values[values.size() / 2];
}

}  // namespace joblib::benchmarks

#endif  // TESTS_BENCHMARKS_SAMPLES_H_
