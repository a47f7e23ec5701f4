// The work of process_work_benchmark.cc by two bare processes, half each.
#include <memory>
#include <vector>

#include "benchmark/benchmark.h"
#include "tests/benchmarks/bare_processes.h"
#include "tests/benchmarks/tasks.h"

namespace joblib::benchmarks {
namespace {

void BM_WorkBareProcesses(benchmark::State& state) {
  for (auto _ : state) {
    std::vector<std::unique_ptr<ForkedChild>> workers;
    for (int k = 0; k < kThreads; ++k) {
      workers.push_back(std::make_unique<ForkedChild>([] {
        for (int i = 0; i < kShortTasks / kThreads; ++i) {
          benchmark::DoNotOptimize(Work(kShortSteps));
        }
      }));
    }
    for (auto& worker : workers) worker->Wait();
  }
}
BENCHMARK(BM_WorkBareProcesses)->UseRealTime();

}  // namespace
}  // namespace joblib::benchmarks
