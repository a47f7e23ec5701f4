// What it costs to wake a pool that has slept: four tasks of 50 us on two
// threads, after 5 ms without work. Beside each call, on the same cores in the
// same moment, one bare futex wake of a thread that has slept as long.
//
// Counters: call_us and wake_us (medians of the calls), both_percent (calls in
// which two threads had tasks), bare_in_time_percent (bare wakes that took less
// than three tasks take one thread: later than that, nothing is left).
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <thread>
#include <vector>

#include "benchmark/benchmark.h"
#include "joblib/joblib.h"
#include "native/affinity.h"
#include "native/futex.h"
#include "native/thread.h"
#include "tests/benchmarks/samples.h"
#include "tests/benchmarks/tasks.h"

namespace joblib::benchmarks {
namespace {

constexpr int kCalls = 200;
constexpr std::chrono::milliseconds kIdle{5};
constexpr std::chrono::microseconds kTask{50};

// A thread that does nothing but sleep on a word and look at the clock.
class Sleeper {
 public:
  Sleeper() : thread_([this] { Loop(); }) {}
  ~Sleeper() {
    Wake(kEnd);
    thread_.join();
  }
  // From before the wake until the sleeper runs. Requires that it sleeps.
  double WakeMicroseconds() {
    native::KeepOffThisCpu(id_);
    const Clock::time_point start = Clock::now();
    Wake(kWake);
    while (word_.load(std::memory_order_acquire) != kSleep) {
    }
    return std::chrono::duration<double, std::micro>(woken_ - start).count();
  }

 private:
  static constexpr std::uint32_t kSleep = 0, kWake = 1, kEnd = 2;
  void Wake(std::uint32_t why) {
    word_.store(why, std::memory_order_release);
    native::FutexWake(word_, 1);
  }
  void Loop() {
    id_ = native::ThisThreadId();
    for (;;) {
      std::uint32_t seen;
      while ((seen = word_.load(std::memory_order_acquire)) == kSleep) {
        native::FutexWait(word_, kSleep, std::nullopt);
      }
      woken_ = Clock::now();
      if (seen == kEnd) return;
      native::UseProcessAffinity();
      word_.store(kSleep, std::memory_order_release);
    }
  }
  std::atomic<std::uint32_t> word_{kSleep};
  std::atomic<std::uint64_t> id_{0};
  Clock::time_point woken_;
  std::thread thread_;  // Last: it uses the rest.
};

void BM_WakePool(benchmark::State& state) {
  Parallel parallel({.n_jobs = kThreads, .backend = "threading"});
  Sleeper sleeper;
  std::vector<double> calls, wakes;
  int both = 0;
  for (auto _ : state) {
    std::this_thread::sleep_for(kIdle);
    wakes.push_back(sleeper.WakeMicroseconds());
    std::this_thread::sleep_for(kIdle);
    const Clock::time_point start = Clock::now();
    const std::vector<std::thread::id> threads =
        parallel(each(range(4), [](int) {
          return delayed([] {
            SpinFor(kTask);
            return std::this_thread::get_id();
          })();
        }));
    calls.push_back(MicrosecondsSince(start));
    both += std::count(threads.begin(), threads.end(), threads[0]) < 4;
  }
  state.counters["call_us"] = Median(calls);
  state.counters["wake_us"] = Median(wakes);
  state.counters["both_percent"] = 100.0 * both / kCalls;
  const auto in_time = std::count_if(wakes.begin(), wakes.end(), [](double us) {
    return us < std::chrono::duration<double, std::micro>(3 * kTask).count();
  });
  state.counters["bare_in_time_percent"] = 100.0 * in_time / kCalls;
}
BENCHMARK(BM_WakePool)->Iterations(kCalls)->UseRealTime();

}  // namespace
}  // namespace joblib::benchmarks
