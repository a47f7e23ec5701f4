// The tasks of dispatch_benchmark.cc by OpenMP.
#include <cstddef>
#include <vector>

#include "benchmark/benchmark.h"
#include "tests/benchmarks/tasks.h"

namespace joblib::benchmarks {
namespace {

// One task at a time.
void BM_DispatchDynamic(benchmark::State& state) {
  const std::vector<StoredCall> calls = StoredCalls();
  std::vector<long long> results(calls.size());
  for (auto _ : state) {
#pragma omp parallel for schedule(dynamic, 1) num_threads(kThreads)
    for (std::size_t i = 0; i < calls.size(); ++i) {
      results[i] = StoredCall(calls[i])();
    }
    benchmark::DoNotOptimize(results.data());
    benchmark::ClobberMemory();
  }
  state.SetItemsProcessed(state.iterations() * kTrivialTasks);
}
BENCHMARK(BM_DispatchDynamic)->UseRealTime();

}  // namespace
}  // namespace joblib::benchmarks
