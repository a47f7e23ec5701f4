// The tasks of dispatch_benchmark.cc by oneTBB.
#include <cstddef>
#include <vector>

#include "benchmark/benchmark.h"
#include "tbb/blocked_range.h"
#include "tbb/global_control.h"
#include "tbb/parallel_for.h"
#include "tbb/partitioner.h"
#include "tbb/task_group.h"
#include "tests/benchmarks/tasks.h"

namespace joblib::benchmarks {
namespace {

const tbb::global_control two_threads(
    tbb::global_control::max_allowed_parallelism, kThreads);

// One task at a time: grain 1, and the partitioner that keeps to it.
void BM_DispatchParallelFor(benchmark::State& state) {
  const std::vector<StoredCall> calls = StoredCalls();
  std::vector<long long> results(calls.size());
  using Range = tbb::blocked_range<std::size_t>;
  for (auto _ : state) {
    tbb::parallel_for(
        Range(0, calls.size(), 1),
        [&](const Range& range) {
          for (std::size_t i = range.begin(); i != range.end(); ++i) {
            results[i] = StoredCall(calls[i])();
          }
        },
        tbb::simple_partitioner());
    benchmark::DoNotOptimize(results.data());
    benchmark::ClobberMemory();
  }
  state.SetItemsProcessed(state.iterations() * kTrivialTasks);
}
BENCHMARK(BM_DispatchParallelFor)->UseRealTime();

void BM_DispatchTaskGroup(benchmark::State& state) {
  const std::vector<StoredCall> calls = StoredCalls();
  std::vector<long long> results(calls.size());
  for (auto _ : state) {
    tbb::task_group group;
    for (std::size_t i = 0; i != calls.size(); ++i) {
      group.run([&, i] { results[i] = StoredCall(calls[i])(); });
    }
    group.wait();
    benchmark::DoNotOptimize(results.data());
    benchmark::ClobberMemory();
  }
  state.SetItemsProcessed(state.iterations() * kTrivialTasks);
}
BENCHMARK(BM_DispatchTaskGroup)->UseRealTime();

}  // namespace
}  // namespace joblib::benchmarks
