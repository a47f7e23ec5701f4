// What a task costs beyond its own work on two worker processes.
#include <cstdint>
#include <thread>
#include <vector>

#include "benchmark/benchmark.h"
#include "joblib/joblib.h"
#include "tests/benchmarks/tasks.h"

namespace joblib::benchmarks {
namespace {

auto Squares(int n) {
  return each(range(n), [](int i) { return delayed(&Square)(i); });
}

// The default window: 4 tasks in flight.
void BM_ProcessOneByOne(benchmark::State& state) {
  constexpr int kTasks = 20'000;
  Parallel parallel({.n_jobs = kThreads, .backend = "loky", .batch_size = 1});
  for (auto _ : state) benchmark::DoNotOptimize(parallel(Squares(kTasks)));
  state.SetItemsProcessed(state.iterations() * kTasks);
}
BENCHMARK(BM_ProcessOneByOne)->UseRealTime();

void BM_ProcessAuto(benchmark::State& state) {
  Parallel parallel({.n_jobs = kThreads, .backend = "loky"});
  for (auto _ : state) {
    benchmark::DoNotOptimize(parallel(Squares(kTrivialTasks)));
  }
  state.SetItemsProcessed(state.iterations() * kTrivialTasks);
}
BENCHMARK(BM_ProcessAuto)->UseRealTime();

// `callers` threads call at once, 100 tasks each, 2'000 times; as many calls by
// one thread: callers:1 makes them all.
void BM_ProcessCallers(benchmark::State& state) {
  constexpr int kTasks = 100, kCalls = 8 * 2'000;
  const int n_callers = static_cast<int>(state.range(0));
  const auto call = [&] {
    for (int i = 0; i < kCalls / n_callers; ++i) {
      Parallel parallel({.n_jobs = kThreads, .backend = "loky"});
      benchmark::DoNotOptimize(parallel(Squares(kTasks)));
    }
  };
  Parallel({.n_jobs = kThreads, .backend = "loky"})(Squares(kTasks));
  for (auto _ : state) {
    std::vector<std::thread> others;
    for (int i = 1; i < n_callers; ++i) others.emplace_back(call);
    call();
    for (std::thread& other : others) other.join();
  }
  state.SetItemsProcessed(state.iterations() * kCalls);
}
BENCHMARK(BM_ProcessCallers)
    ->ArgName("callers")
    ->Arg(1)
    ->Arg(8)
    ->Iterations(1)
    ->UseRealTime();

}  // namespace
}  // namespace joblib::benchmarks
