// What a call of two tasks costs on worker processes that have slept for 5 ms,
// and beside each call, in the same moment, a bare futex wake of two forked
// processes that have slept as long, until both have answered.
//
// Counters: call_us and wake_us, medians.
#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

#include "benchmark/benchmark.h"
#include "joblib/joblib.h"
#include "tests/benchmarks/bare_processes.h"
#include "tests/benchmarks/samples.h"
#include "tests/benchmarks/tasks.h"

namespace joblib::benchmarks {
namespace {

constexpr int kCalls = 200;
constexpr std::chrono::milliseconds kIdle{5};

// Two processes that do nothing but sleep on a word and answer.
class Sleepers {
 public:
  Sleepers() {
    for (int k = 0; k < kThreads; ++k) {
      children_.push_back(std::make_unique<ForkedChild>([this, k] {
        for (std::uint32_t round = 0;; ++round) {
          Word& go = words_->go[k];
          while (go.value.load() == round) SharedWait(go.value, round);
          // The caller sleeps or is about to: it asks for both anyway.
          words_->answers.value.fetch_add(1);
          SharedWake(words_->answers.value);
        }
      }));
    }
  }
  double WakeMicroseconds() {
    const Clock::time_point start = Clock::now();
    for (Word& go : words_->go) {
      go.value.fetch_add(1);
      SharedWake(go.value);
    }
    answers_ += kThreads;
    for (std::uint32_t seen;
         (seen = words_->answers.value.load()) != answers_;) {
      SharedWait(words_->answers.value, seen);
    }
    return MicrosecondsSince(start);
  }

 private:
  struct Word {
    alignas(64) std::atomic<std::uint32_t> value{0};
  };
  struct Words {
    Word go[kThreads], answers;
  };
  Words* const words_ = SharedObject<Words>();
  std::uint32_t answers_ = 0;
  std::vector<std::unique_ptr<ForkedChild>> children_;
};

void BM_ProcessWake(benchmark::State& state) {
  Sleepers sleepers;
  Parallel parallel({.n_jobs = kThreads, .backend = "loky"});
  const auto call = [&] {
    return parallel(
        each(range(kThreads), [](int i) { return delayed(&Square)(i); }));
  };
  call();
  std::vector<double> calls, wakes;
  for (auto _ : state) {
    std::this_thread::sleep_for(kIdle);
    wakes.push_back(sleepers.WakeMicroseconds());
    std::this_thread::sleep_for(kIdle);
    const Clock::time_point start = Clock::now();
    benchmark::DoNotOptimize(call());
    calls.push_back(MicrosecondsSince(start));
  }
  state.counters["call_us"] = Median(calls);
  state.counters["wake_us"] = Median(wakes);
}
BENCHMARK(BM_ProcessWake)->Iterations(kCalls)->UseRealTime();

// Counter cpu_us: what this process and its workers use in 5 s without work.
void BM_ProcessIdle(benchmark::State& state) {
  Parallel parallel({.n_jobs = kThreads, .backend = "loky"});
  const auto cpu_us = [] {
    std::vector<int> pids = Children();
    pids.push_back(ProcessId());
    double sum = 0;
    for (const int pid : pids) sum += 1e6 * CpuSeconds(pid);
    return sum;
  };
  for (auto _ : state) {
    parallel(each(range(kThreads), [](int) {
      return delayed(
          [] { std::this_thread::sleep_for(std::chrono::milliseconds(10)); })();
    }));
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    if (Children().size() < kThreads) state.SkipWithError("no workers");
    const double start = cpu_us();
    std::this_thread::sleep_for(std::chrono::seconds(5));
    state.counters["cpu_us"] = cpu_us() - start;
  }
}
BENCHMARK(BM_ProcessIdle)->Iterations(1)->UseRealTime();

}  // namespace
}  // namespace joblib::benchmarks
