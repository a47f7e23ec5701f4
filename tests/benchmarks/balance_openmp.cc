// The work of balance_benchmark.cc by OpenMP.
#include <cstddef>
#include <cstdint>
#include <vector>

#include "benchmark/benchmark.h"
#include "tests/benchmarks/tasks.h"

namespace joblib::benchmarks {
namespace {

void BM_BalanceDynamic(benchmark::State& state,
                       std::vector<int> (*make_steps)()) {
  const std::vector<int> steps = make_steps();
  std::vector<std::uint64_t> results(steps.size());
  for (auto _ : state) {
#pragma omp parallel for schedule(dynamic, 1) num_threads(kThreads)
    for (std::size_t i = 0; i < steps.size(); ++i) {
      results[i] = delayed(&Work)(steps[i])();
    }
    benchmark::DoNotOptimize(results.data());
    benchmark::ClobberMemory();
  }
}
BENCHMARK_CAPTURE(BM_BalanceDynamic, ascending, AscendingSteps)->UseRealTime();
BENCHMARK_CAPTURE(BM_BalanceDynamic, heavy_tail, HeavyTailSteps)->UseRealTime();
BENCHMARK_CAPTURE(BM_BalanceDynamic, ascending_heavy_tail,
                  AscendingHeavyTailSteps)
    ->UseRealTime();

}  // namespace
}  // namespace joblib::benchmarks
