// What a call costs, one after the other: four trivial tasks on two threads.
#include "benchmark/benchmark.h"
#include "joblib/joblib.h"
#include "tests/benchmarks/tasks.h"

namespace joblib::benchmarks {
namespace {

auto FourTasks() {
  return each(range(4), [](int i) { return delayed(&Square)(i); });
}

void BM_LatencyKept(benchmark::State& state) {
  Parallel parallel({.n_jobs = kThreads, .backend = "threading"});
  for (auto _ : state) benchmark::DoNotOptimize(parallel(FourTasks()));
}
BENCHMARK(BM_LatencyKept)->UseRealTime();

// As library code does it: built and resolved for this one call, in the scopes
// of its callers.
void BM_LatencyBuiltAnew(benchmark::State& state) {
  const int n_jobs = static_cast<int>(state.range(0));
  parallel_config outer({.backend = "threading", .n_jobs = 4});
  parallel_config inner({.verbose = 0, .max_nbytes = "10M"});
  for (auto _ : state) {
    benchmark::DoNotOptimize(Parallel({.n_jobs = n_jobs})(FourTasks()));
  }
}
BENCHMARK(BM_LatencyBuiltAnew)
    ->ArgName("n_jobs")
    ->Arg(2)
    ->Arg(-1)
    ->UseRealTime();

}  // namespace
}  // namespace joblib::benchmarks
