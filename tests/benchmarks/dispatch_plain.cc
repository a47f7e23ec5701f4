// The tasks of dispatch_benchmark.cc by a loop as one writes it by hand.
#include <algorithm>
#include <atomic>
#include <cstddef>
#include <thread>
#include <vector>

#include "benchmark/benchmark.h"
#include "tests/benchmarks/tasks.h"

namespace joblib::benchmarks {
namespace {

// Two threads take chunks of 1024 stored calls from a counter.
void BM_DispatchChunks(benchmark::State& state) {
  constexpr std::size_t kChunk = 1024;
  const std::vector<StoredCall> calls = StoredCalls();
  const std::size_t n = calls.size();
  std::vector<long long> results(n);
  for (auto _ : state) {
    std::atomic<std::size_t> next{0};
    const auto work = [&] {
      for (std::size_t begin; (begin = next.fetch_add(kChunk)) < n;) {
        const std::size_t end = std::min(n, begin + kChunk);
        for (std::size_t i = begin; i < end; ++i) {
          results[i] = StoredCall(calls[i])();
        }
      }
    };
    std::thread other(work);
    work();
    other.join();
    benchmark::DoNotOptimize(results.data());
    benchmark::ClobberMemory();
  }
  state.SetItemsProcessed(state.iterations() * kTrivialTasks);
}
BENCHMARK(BM_DispatchChunks)->UseRealTime();

}  // namespace
}  // namespace joblib::benchmarks
