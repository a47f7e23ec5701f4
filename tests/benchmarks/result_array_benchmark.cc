// Arrays that worker processes return, by their elements (max_nbytes=none) and
// handed over: what one costs until the caller has read it.
#include <cstdint>
#include <numeric>

#include "benchmark/benchmark.h"
#include "joblib/joblib.h"

namespace joblib::benchmarks {
namespace {

constexpr int kArrays = 64;

Array<double> Filled(std::int64_t size) {
  auto array = Array<double>::empty({size});
  for (double& x : array.mutable_span()) x = 1;
  return array;
}

void BM_ResultArrays(benchmark::State& state, bool is_handed_over) {
  const std::int64_t size = state.range(0) / 8;
  ParallelOptions options;
  options.n_jobs = 2;
  if (is_handed_over) {
    options.max_nbytes = 0;
  } else {
    options.max_nbytes = none;
  }
  Parallel parallel(options);
  for (auto _ : state) {
    double sum = 0;
    for (const Array<double>& array : parallel.generator(each(
             range(kArrays), [&](int) { return delayed(Filled)(size); }))) {
      const auto values = array.span();
      sum += std::accumulate(values.begin(), values.end(), 0.0);
    }
    benchmark::DoNotOptimize(sum);
  }
  state.SetItemsProcessed(state.iterations() * kArrays);
}
BENCHMARK_CAPTURE(BM_ResultArrays, by_elements, false)
    ->ArgName("bytes")
    ->RangeMultiplier(4)
    ->Range(64 << 10, 64 << 20)
    ->UseRealTime();
BENCHMARK_CAPTURE(BM_ResultArrays, handed_over, true)
    ->ArgName("bytes")
    ->RangeMultiplier(4)
    ->Range(64 << 10, 64 << 20)
    ->UseRealTime();

}  // namespace
}  // namespace joblib::benchmarks
