// The calls of latency_benchmark.cc by oneTBB, for comparison.
#include "benchmark/benchmark.h"
#include "tbb/parallel_for.h"
#include "tbb/partitioner.h"
#include "tests/benchmarks/tasks.h"

namespace joblib::benchmarks {
namespace {

void BM_LatencyParallelFor(benchmark::State& state) {
  long long results[4];
  for (auto _ : state) {
    tbb::parallel_for(
        0, 4, [&](int i) { results[i] = delayed(&Square)(i)(); },
        tbb::simple_partitioner());
    benchmark::DoNotOptimize(results);
  }
}
BENCHMARK(BM_LatencyParallelFor)->UseRealTime();

}  // namespace
}  // namespace joblib::benchmarks
