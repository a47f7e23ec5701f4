// What a task costs beyond its own work with n_jobs=1.
#include <vector>

#include "benchmark/benchmark.h"
#include "joblib/joblib.h"
#include "tests/benchmarks/tasks.h"

namespace joblib::benchmarks {
namespace {

void BM_SequentialStored(benchmark::State& state) {
  const std::vector<StoredCall> calls = StoredCalls();
  Parallel parallel({.n_jobs = 1});
  for (auto _ : state) benchmark::DoNotOptimize(parallel(calls));
  state.SetItemsProcessed(state.iterations() * kTrivialTasks);
}
BENCHMARK(BM_SequentialStored)->UseRealTime();

// Nothing is left of the delayed calls where the compiler sees the task.
void BM_SequentialLazy(benchmark::State& state) {
  Parallel parallel({.n_jobs = 1});
  for (auto _ : state) {
    benchmark::DoNotOptimize(parallel(each(range(kTrivialTasks), [](int i) {
      return delayed(SquareFunctor())(i);
    })));
  }
  state.SetItemsProcessed(state.iterations() * kTrivialTasks);
}
BENCHMARK(BM_SequentialLazy)->UseRealTime();

}  // namespace
}  // namespace joblib::benchmarks
