// The calls of sequential_benchmark.cc by a bare loop.
#include <vector>

#include "benchmark/benchmark.h"
#include "tests/benchmarks/tasks.h"

namespace joblib::benchmarks {
namespace {

void BM_LoopStored(benchmark::State& state) {
  const std::vector<StoredCall> calls = StoredCalls();
  for (auto _ : state) {
    std::vector<long long> results;
    results.reserve(calls.size());
    for (const StoredCall& call : calls) results.push_back(StoredCall(call)());
    benchmark::DoNotOptimize(results);
  }
  state.SetItemsProcessed(state.iterations() * kTrivialTasks);
}
BENCHMARK(BM_LoopStored)->UseRealTime();

void BM_LoopLazy(benchmark::State& state) {
  for (auto _ : state) {
    std::vector<long long> results;
    results.reserve(kTrivialTasks);
    for (int i = 0; i < kTrivialTasks; ++i) {
      results.push_back(SquareFunctor()(i));
    }
    benchmark::DoNotOptimize(results);
  }
  state.SetItemsProcessed(state.iterations() * kTrivialTasks);
}
BENCHMARK(BM_LoopLazy)->UseRealTime();

}  // namespace
}  // namespace joblib::benchmarks
