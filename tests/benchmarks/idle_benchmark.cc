// The CPU time of an idle pool: after a call, 5 s in which nothing happens.
#include <chrono>
#include <ctime>
#include <thread>

#include "benchmark/benchmark.h"
#include "joblib/joblib.h"
#include "tests/benchmarks/tasks.h"

namespace joblib::benchmarks {
namespace {

// Counter cpu_us: of the whole process, the sleeping main thread included.
void BM_IdlePool(benchmark::State& state) {
  Parallel parallel({.n_jobs = kThreads, .backend = "threading"});
  for (auto _ : state) {
    parallel(each(range(kThreads), [](int) {
      return delayed(
          [] { std::this_thread::sleep_for(std::chrono::milliseconds(10)); })();
    }));
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    const std::clock_t start = std::clock();
    std::this_thread::sleep_for(std::chrono::seconds(5));
    state.counters["cpu_us"] =
        1e6 * static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
  }
}
BENCHMARK(BM_IdlePool)->Iterations(1)->UseRealTime();

}  // namespace
}  // namespace joblib::benchmarks
