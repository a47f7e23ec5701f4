// The calls of latency_benchmark.cc as an OpenMP region each.
#include "benchmark/benchmark.h"
#include "tests/benchmarks/tasks.h"

namespace joblib::benchmarks {
namespace {

void BM_LatencyRegion(benchmark::State& state) {
  long long results[4];
  for (auto _ : state) {
#pragma omp parallel for num_threads(kThreads)
    for (int i = 0; i < 4; ++i) results[i] = delayed(&Square)(i)();
    benchmark::DoNotOptimize(results);
  }
}
BENCHMARK(BM_LatencyRegion)->UseRealTime();

}  // namespace
}  // namespace joblib::benchmarks
