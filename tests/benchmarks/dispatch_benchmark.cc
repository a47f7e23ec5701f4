// What a task costs beyond its own work, on two threads: a million trivial
// ones.
#include <vector>

#include "benchmark/benchmark.h"
#include "joblib/joblib.h"
#include "tests/benchmarks/tasks.h"

namespace joblib::benchmarks {
namespace {

// Calls that exist before the call, as the peers have them.
void BM_DispatchStored(benchmark::State& state) {
  const std::vector<StoredCall> calls = StoredCalls();
  Parallel parallel({.n_jobs = kThreads, .backend = "threading"});
  for (auto _ : state) benchmark::DoNotOptimize(parallel(calls));
  state.SetItemsProcessed(state.iterations() * kTrivialTasks);
}
BENCHMARK(BM_DispatchStored)->UseRealTime();

// Calls that are made as they are read.
void BM_DispatchLazy(benchmark::State& state) {
  Parallel parallel({.n_jobs = kThreads, .backend = "threading"});
  for (auto _ : state) {
    benchmark::DoNotOptimize(parallel(
        each(range(kTrivialTasks), [](int i) { return delayed(&Square)(i); })));
  }
  state.SetItemsProcessed(state.iterations() * kTrivialTasks);
}
BENCHMARK(BM_DispatchLazy)->UseRealTime();

// Batches of one: what a batch costs.
void BM_DispatchBatchesOfOne(benchmark::State& state) {
  constexpr int kTasks = kTrivialTasks / 10;
  Parallel parallel(
      {.n_jobs = kThreads, .backend = "threading", .batch_size = 1});
  for (auto _ : state) {
    benchmark::DoNotOptimize(parallel(
        each(range(kTasks), [](int i) { return delayed(&Square)(i); })));
  }
  state.SetItemsProcessed(state.iterations() * kTasks);
}
BENCHMARK(BM_DispatchBatchesOfOne)->UseRealTime();

}  // namespace
}  // namespace joblib::benchmarks
