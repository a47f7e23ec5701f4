// The forest of forest_benchmark.cc by a hand-written loop on two std::threads.
#include <atomic>
#include <thread>
#include <vector>

#include "benchmark/benchmark.h"
#include "tests/benchmarks/forest_input.h"
#include "tests/benchmarks/tasks.h"
#include "tools/examples/digits_forest/tree.h"

namespace joblib::benchmarks {
namespace {

void BM_ForestThreads(benchmark::State& state) {
  const forest::Dataset digits = TrainingDigits();
  for (auto _ : state) {
    std::vector<forest::Tree> trees(kTrees);
    std::atomic<int> next{0};
    const auto grow = [&] {
      for (int i; (i = next.fetch_add(1)) < kTrees;) {
        trees[i] = forest::BuildTree(digits, forest::TreeParams(), i);
      }
    };
    std::vector<std::thread> threads;
    for (int i = 0; i < kThreads; ++i) threads.emplace_back(grow);
    for (std::thread& thread : threads) thread.join();
    benchmark::DoNotOptimize(trees.data());
    benchmark::ClobberMemory();
  }
}
BENCHMARK(BM_ForestThreads)
    ->Iterations(1)
    ->Unit(benchmark::kSecond)
    ->UseRealTime();

}  // namespace
}  // namespace joblib::benchmarks
