// The forest of forest_benchmark.cc in worker processes, their start included.
#include "benchmark/benchmark.h"
#include "joblib/joblib.h"
#include "tests/benchmarks/forest_input.h"
#include "tests/benchmarks/tasks.h"
#include "tools/examples/digits_forest/forest.h"

namespace joblib::benchmarks {
namespace {

void BM_ProcessForest(benchmark::State& state, const char* backend) {
  const forest::Dataset digits = TrainingDigits();
  parallel_config scope({.backend = backend, .n_jobs = kThreads});
  for (auto _ : state) {
    benchmark::DoNotOptimize(forest::Fit(digits, {.n_trees = kTrees}));
  }
}
BENCHMARK_CAPTURE(BM_ProcessForest, loky, "loky")
    ->Iterations(1)
    ->Unit(benchmark::kSecond)
    ->UseRealTime();
BENCHMARK_CAPTURE(BM_ProcessForest, multiprocessing, "multiprocessing")
    ->Iterations(1)
    ->Unit(benchmark::kSecond)
    ->UseRealTime();

}  // namespace
}  // namespace joblib::benchmarks
