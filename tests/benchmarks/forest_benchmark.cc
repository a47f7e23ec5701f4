// The random forest of tools/examples/digits_forest: the speed-up of real work.
#include "benchmark/benchmark.h"
#include "joblib/joblib.h"
#include "tests/benchmarks/forest_input.h"
#include "tools/examples/digits_forest/forest.h"

namespace joblib::benchmarks {
namespace {

void BM_Forest(benchmark::State& state) {
  const forest::Dataset digits = TrainingDigits();
  parallel_config scope(
      {.backend = "threading", .n_jobs = static_cast<int>(state.range(0))});
  for (auto _ : state) {
    benchmark::DoNotOptimize(forest::Fit(digits, {.n_trees = kTrees}));
  }
}
BENCHMARK(BM_Forest)
    ->ArgName("n_jobs")
    ->Arg(1)
    ->Arg(2)
    ->Iterations(1)
    ->Unit(benchmark::kSecond)
    ->UseRealTime();

}  // namespace
}  // namespace joblib::benchmarks
