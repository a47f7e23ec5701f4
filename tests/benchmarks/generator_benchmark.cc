// What a result costs on its way through a generator to a trivial consumer.
#include "benchmark/benchmark.h"
#include "joblib/joblib.h"
#include "tests/benchmarks/tasks.h"

namespace joblib::benchmarks {
namespace {

long long Consume(Generator<long long> results) {
  long long sum = 0;
  for (const long long result : results) sum += result;
  return sum;
}

// window 0: the default, 2 * n_jobs.
void BM_Generator(benchmark::State& state, bool ordered) {
  const int window = static_cast<int>(state.range(0));
  const int n_tasks = window == 0 ? 20'000 : window == 64 ? 50'000 : 200'000;
  ParallelOptions options = {.n_jobs = kThreads, .backend = "threading"};
  if (window > 0) options.pre_dispatch = window;
  Parallel parallel(options);
  for (auto _ : state) {
    auto tasks =
        each(range(n_tasks), [](int i) { return delayed(&Square)(i); });
    benchmark::DoNotOptimize(
        Consume(ordered ? parallel.generator(tasks)
                        : parallel.generator_unordered(tasks)));
  }
  state.SetItemsProcessed(state.iterations() * n_tasks);
}
BENCHMARK_CAPTURE(BM_Generator, ordered, true)
    ->ArgName("window")
    ->Arg(0)
    ->Arg(64)
    ->Arg(1024)
    ->UseRealTime();
BENCHMARK_CAPTURE(BM_Generator, unordered, false)
    ->ArgName("window")
    ->Arg(0)
    ->Arg(64)
    ->Arg(1024)
    ->UseRealTime();

}  // namespace
}  // namespace joblib::benchmarks
