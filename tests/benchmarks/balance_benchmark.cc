// How evenly two threads share work of uneven length.
#include <chrono>
#include <cstddef>
#include <thread>
#include <vector>

#include "benchmark/benchmark.h"
#include "joblib/joblib.h"
#include "tests/benchmarks/tasks.h"

namespace joblib::benchmarks {
namespace {

void BM_Balance(benchmark::State& state, std::vector<int> (*make_steps)()) {
  const std::vector<int> steps = make_steps();
  Parallel parallel({.n_jobs = kThreads, .backend = "threading"});
  for (auto _ : state) {
    benchmark::DoNotOptimize(
        parallel(each(steps, [](int n) { return delayed(&Work)(n); })));
  }
}
BENCHMARK_CAPTURE(BM_Balance, ascending, AscendingSteps)->UseRealTime();
BENCHMARK_CAPTURE(BM_Balance, heavy_tail, HeavyTailSteps)->UseRealTime();
BENCHMARK_CAPTURE(BM_Balance, ascending_heavy_tail, AscendingHeavyTailSteps)
    ->UseRealTime();

// 0, 1, ... n - 1, of a length that nobody is told.
class Unsized {
 public:
  explicit Unsized(int n) : numbers_(range(n)) {}
  auto begin() const { return numbers_.begin(); }
  auto end() const { return numbers_.end(); }

 private:
  Range<int> numbers_;
};

// What looks instant, and in large batches therefore, turns out to be long: no
// task may wait behind another while a thread has nothing to do. The tasks
// sleep: what else the machine does matters little. 5 s would be perfect.
void BM_BalanceLateLongTasks(benchmark::State& state, const char* backend) {
  constexpr int kInstant = 4000, kLong = 20;
  Parallel parallel({.n_jobs = kThreads, .backend = backend});
  for (auto _ : state) {
    parallel(each(Unsized(kInstant + kLong), [](int i) {
      return delayed([](int task) {
        if (task < kInstant) return;
        std::this_thread::sleep_for(std::chrono::milliseconds(500));
      })(i);
    }));
  }
}
BENCHMARK_CAPTURE(BM_BalanceLateLongTasks, threading, "threading")
    ->Iterations(1)
    ->Unit(benchmark::kSecond)
    ->UseRealTime();
BENCHMARK_CAPTURE(BM_BalanceLateLongTasks, loky, "loky")
    ->Iterations(1)
    ->Unit(benchmark::kSecond)
    ->UseRealTime();

}  // namespace
}  // namespace joblib::benchmarks
