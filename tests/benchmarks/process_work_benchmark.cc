// How much of two cores 20'000 tasks of 30 us get, as worker processes run
// them.
//
// Counter share_percent: of the worker that had the fewest tasks.
#include <algorithm>
#include <map>
#include <vector>

#include "benchmark/benchmark.h"
#include "joblib/joblib.h"
#include "tests/benchmarks/tasks.h"

namespace joblib::benchmarks {
namespace {

int WorkOfWorker(int steps) {
  benchmark::DoNotOptimize(Work(steps));
  return worker_index();
}

void BM_ProcessWork(benchmark::State& state) {
  const int batch_size = static_cast<int>(state.range(0));
  ParallelOptions options = {.n_jobs = kThreads, .backend = "loky"};
  if (batch_size > 0) options.batch_size = batch_size;
  Parallel parallel(options);
  int least = kShortTasks;
  for (auto _ : state) {
    const std::vector<int> workers = parallel(each(range(kShortTasks), [](int) {
      return delayed(&WorkOfWorker)(kShortSteps);
    }));
    std::map<int, int> tasks;
    for (const int worker : workers) ++tasks[worker];
    for (int i = 0; i < kThreads; ++i) least = std::min(least, tasks[i]);
  }
  state.counters["share_percent"] = 100.0 * least / kShortTasks;
}
// batch_size 0: "auto".
BENCHMARK(BM_ProcessWork)->ArgName("batch_size")->Arg(0)->Arg(1)->UseRealTime();

}  // namespace
}  // namespace joblib::benchmarks
