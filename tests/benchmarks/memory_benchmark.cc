// The most memory that a call ever holds beyond its results. Each in a process
// of its own: tools/bench runs them so.
#include <cstddef>
#include <fstream>
#include <string>
#include <vector>

#include "benchmark/benchmark.h"
#include "joblib/joblib.h"
#include "tests/benchmarks/tasks.h"

namespace joblib::benchmarks {
namespace {

// A line of /proc/self/status, in KiB.
double StatusKib(const std::string& name) {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;) {
    double kib;
    if (word == name + ":" && status >> kib) return kib;
  }
  return -1;
}

// Physical memory now, and the peak starts anew from there.
double StartPeak() {
  std::ofstream("/proc/self/clear_refs") << "5";
  return StatusKib("VmRSS");
}

auto Squares(int n) {
  return each(range(n), [](int i) { return delayed(&Square)(i); });
}

// Counter over_kib: the peak above what there was before and the results.
void BM_MemoryList(benchmark::State& state) {
  constexpr int kTasks = 20'000'000;
  Parallel parallel({.n_jobs = kThreads, .backend = "threading"});
  parallel(Squares(1000));  // Threads, and what is made once a process.
  for (auto _ : state) {
    const double before = StartPeak();
    const std::vector<long long> results = parallel(Squares(kTasks));
    const double results_kib = kTasks * sizeof(results[0]) / 1024.0;
    state.counters["over_kib"] = StatusKib("VmHWM") - before - results_kib;
  }
}
BENCHMARK(BM_MemoryList)->Iterations(1)->UseRealTime();

// Counter growth_kib: the peak of the first hundred thousand results, by which
// batches have their size, against that of the next ten million. The kernel
// counts a thread's pages some hundred KiB at a time.
void BM_MemoryEndlessGenerator(benchmark::State& state) {
  Parallel parallel(
      {.n_jobs = kThreads, .backend = "threading", .pre_dispatch = 1024});
  for (auto _ : state) {
    double first_peak = 0;
    int n = 0;
    long long sum = 0;
    struct Endless {
      Range<int> numbers = range(2'000'000'000);
      auto begin() const { return numbers.begin(); }
      auto end() const { return numbers.end(); }
    };
    auto previous = set_warning_handler([](const Warning&) {});  // Unread.
    for (const long long result : parallel.generator(
             each(Endless(), [](int i) { return delayed(&Square)(i); }))) {
      sum += result;
      if (++n == 100'000) first_peak = StatusKib("VmHWM");
      if (n == 10'100'000) break;
    }
    set_warning_handler(previous);
    benchmark::DoNotOptimize(sum);
    state.counters["growth_kib"] = StatusKib("VmHWM") - first_peak;
  }
}
BENCHMARK(BM_MemoryEndlessGenerator)->Iterations(1)->UseRealTime();

}  // namespace
}  // namespace joblib::benchmarks
