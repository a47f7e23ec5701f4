// What it costs to start worker processes: in the first call of a program, and
// in place of one that crashed. A program of its own, whose main() is what it
// starts anew; process_start_padding.cc makes it one of 50 MB.
//
// Counters, medians: call_us (from the Parallel call to its results, in a fresh
// process), spawn_us and fork_us (two copies of the program until their main()
// has written to a pipe); the same with 1 GiB resident in the caller:
// call_gib_us and so on. crash_us: see BM_ProcessCrash.
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdlib>
#include <iostream>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "benchmark/benchmark.h"
#include "joblib/joblib.h"
#include "tests/benchmarks/bare_processes.h"
#include "tests/benchmarks/samples.h"
#include "tests/benchmarks/tasks.h"

namespace joblib::benchmarks {
namespace {

void FirstCall() {
  benchmark::DoNotOptimize(Parallel({.n_jobs = kThreads, .backend = "loky"})(
      each(range(kThreads), [](int i) { return delayed(&Square)(i); })));
}

void AwaitBoth(const Pipe& pipe) {
  char bytes[kThreads];
  for (std::size_t n = 0; n < kThreads;) {
    n += ReadSome(pipe.from, bytes, kThreads - n);
  }
}

constexpr int kStandardOutput = 1;

// The children are waited for by the caller's end.
void SpawnTwice() {
  Pipe pipe;
  for (int k = 0; k < kThreads; ++k) SpawnItself({"write"}, pipe.to);
  AwaitBoth(pipe);
}

void ForkTwice() {
  static Pipe pipe;
  static std::vector<std::unique_ptr<ForkedChild>> children;
  for (int k = 0; k < kThreads; ++k) {
    children.push_back(
        std::make_unique<ForkedChild>([] { WriteAll(pipe.to, "", 1); }));
  }
  AwaitBoth(pipe);
}

const std::map<std::string, void (*)()> kStarts = {
    {"call", FirstCall}, {"spawn", SpawnTwice}, {"fork", ForkTwice}};

// A fresh process that measures `name` and prints the microseconds.
double Measured(const std::string& name, bool one_gib) {
  const std::string text =
      OutputOfItself({"measure", name, one_gib ? "1024" : "0"});
  return std::strtod(text.c_str(), nullptr);
}

void BM_ProcessFirstCall(benchmark::State& state) {
  std::map<std::string, std::vector<double>> samples;
  for (auto _ : state) {
    for (const auto& [name, start] : kStarts) {
      samples[name + "_us"].push_back(Measured(name, false));
      samples[name + "_gib_us"].push_back(Measured(name, true));
    }
  }
  for (const auto& [name, values] : samples) {
    state.counters[name] = Median(values);
  }
}
BENCHMARK(BM_ProcessFirstCall)->Iterations(7)->UseRealTime();

// 200 tasks, of which one ends its worker by SIGKILL, then calls of two tasks
// until two workers have answered: crash_us is what that takes longer than
// without a crash.
void BM_ProcessCrash(benchmark::State& state) {
  constexpr int kTasks = 200, kCrash = 13;
  Parallel parallel({.n_jobs = kThreads, .backend = "loky"});
  const auto until_whole = [&](int crash) {
    const Clock::time_point start = Clock::now();
    const auto outcomes = parallel.collect(each(range(kTasks), [&](int i) {
      return delayed([](int task, int crash) {
        if (task == crash) std::raise(SIGKILL);
        return task;
      })(i, crash);
    }));
    int values = 0;
    for (const auto& outcome : outcomes) values += outcome.has_value();
    if (values != kTasks - (crash >= 0)) state.SkipWithError("values missing");
    std::set<int> pids;
    while (pids.size() < kThreads) {
      for (const int pid : parallel(each(range(kThreads), [](int) {
             return delayed([] {
               std::this_thread::sleep_for(std::chrono::microseconds(200));
               return ProcessId();
             })();
           }))) {
        pids.insert(pid);
      }
    }
    return MicrosecondsSince(start);
  };
  until_whole(-1);
  std::vector<double> with, without;
  for (auto _ : state) {
    without.push_back(until_whole(-1));
    with.push_back(until_whole(kCrash));
  }
  state.counters["plain_us"] = Median(without);
  state.counters["crash_us"] = Median(with) - Median(without);
}
BENCHMARK(BM_ProcessCrash)->Iterations(30)->UseRealTime();

int Main(int argc, char** argv) {
  const std::string_view what = argc > 1 ? argv[1] : "";
  if (what == "write") {
    WriteAll(kStandardOutput, "", 1);
    return 0;
  }
  if (what == "measure") {
    const std::string resident(std::strtoul(argv[3], nullptr, 10) << 20, 'x');
    benchmark::DoNotOptimize(resident.data());
    const Clock::time_point start = Clock::now();
    kStarts.at(argv[2])();
    std::cout << MicrosecondsSince(start) << std::endl;
    return 0;
  }
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}

}  // namespace
}  // namespace joblib::benchmarks

int main(int argc, char** argv) { return joblib::benchmarks::Main(argc, argv); }
