// The work of balance_benchmark.cc by oneTBB.
#include <cstddef>
#include <cstdint>
#include <vector>

#include "benchmark/benchmark.h"
#include "tbb/blocked_range.h"
#include "tbb/parallel_for.h"
#include "tbb/partitioner.h"
#include "tests/benchmarks/tasks.h"

namespace joblib::benchmarks {
namespace {

// One task at a time: grain 1, and the partitioner that keeps to it. The number
// of threads: dispatch_tbb.cc.
void BM_BalanceParallelFor(benchmark::State& state,
                           std::vector<int> (*make_steps)()) {
  const std::vector<int> steps = make_steps();
  std::vector<std::uint64_t> results(steps.size());
  using Range = tbb::blocked_range<std::size_t>;
  for (auto _ : state) {
    tbb::parallel_for(
        Range(0, steps.size(), 1),
        [&](const Range& range) {
          for (std::size_t i = range.begin(); i != range.end(); ++i) {
            results[i] = delayed(&Work)(steps[i])();
          }
        },
        tbb::simple_partitioner());
    benchmark::DoNotOptimize(results.data());
    benchmark::ClobberMemory();
  }
}
BENCHMARK_CAPTURE(BM_BalanceParallelFor, ascending, AscendingSteps)
    ->UseRealTime();
BENCHMARK_CAPTURE(BM_BalanceParallelFor, heavy_tail, HeavyTailSteps)
    ->UseRealTime();
BENCHMARK_CAPTURE(BM_BalanceParallelFor, ascending_heavy_tail,
                  AscendingHeavyTailSteps)
    ->UseRealTime();

}  // namespace
}  // namespace joblib::benchmarks
