// What 100 kB cost on their way to a worker process and back.
#include <utility>
#include <vector>

#include "benchmark/benchmark.h"
#include "joblib/joblib.h"
#include "tests/benchmarks/samples.h"
#include "tests/benchmarks/tasks.h"

namespace joblib::benchmarks {
namespace {

void BM_ProcessCopy(benchmark::State& state) {
  Parallel parallel({.n_jobs = kThreads, .backend = "loky"});
  parallel(each(range(kThreads), [](int i) { return delayed(&Square)(i); }));
  for (auto _ : state) {
    std::vector<std::vector<double>> inputs = VectorInputs();
    const Clock::time_point start = Clock::now();
    std::vector<std::vector<double>> results =
        parallel(each(inputs, [](std::vector<double>& v) {
          return delayed(&Touch)(std::move(v));
        }));
    state.SetIterationTime(MicrosecondsSince(start) * 1e-6);
    benchmark::DoNotOptimize(results.data());
  }
  state.SetItemsProcessed(state.iterations() * kVectorTasks);
}
BENCHMARK(BM_ProcessCopy)->Iterations(1)->UseManualTime();

}  // namespace
}  // namespace joblib::benchmarks
