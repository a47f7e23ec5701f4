// Large arrays: into worker processes and out of them, and what they take of
// memory; values that many tasks use.
#include <signal.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "benchmark/benchmark.h"
#include "joblib/joblib.h"
#include "tests/benchmarks/bare_processes.h"
#include "tests/benchmarks/large_arrays.h"
#include "tests/benchmarks/samples.h"
#include "tests/benchmarks/tasks.h"

namespace joblib::benchmarks {
namespace {

constexpr double kMib = 1024;  // In KiB.

Parallel WarmParallel() {
  Parallel parallel({.n_jobs = kThreads, .backend = "loky"});
  parallel(each(range(kThreads), [](int i) { return delayed(&Square)(i); }));
  return parallel;
}

// ---- One array, four tasks that sum it.

enum class Kind { kPlain, kShared, kMemmap };

class LargeArray {
 public:
  explicit LargeArray(Kind kind) {
    if (kind == Kind::kMemmap) {
      path_ = "/dev/shm/joblib-benchmark-" + std::to_string(ProcessId());
      array_ = memmap<double>(path_, "w+", {kLargeSize});
    } else {
      array_ = Array<double>::empty({kLargeSize}, kind == Kind::kShared
                                                      ? Memory::kShared
                                                      : Memory::kPrivate);
    }
    FillWith(array_.mutable_span(), 1);
  }
  ~LargeArray() {
    if (!path_.empty()) std::filesystem::remove(path_);
  }
  LargeArray(const LargeArray&) = delete;

  void Sum(benchmark::State& state, Parallel& parallel) const {
    const std::vector<double> sums = parallel(each(range(kSums), [&](int) {
      return delayed([](const Array<double>& array) {
        return SumOf(array.span());
      })(array_);
    }));
    for (const double sum : sums) {
      if (sum != double{kLargeSize}) state.SkipWithError("a wrong sum");
    }
  }

 private:
  std::string path_;
  Array<double> array_;
};

void BM_ArraySum(benchmark::State& state, Kind kind) {
  Parallel parallel = WarmParallel();
  for (auto _ : state) {
    const LargeArray array(kind);
    const Clock::time_point start = Clock::now();
    array.Sum(state, parallel);
    state.SetIterationTime(MicrosecondsSince(start) * 1e-6);
  }
}
BENCHMARK_CAPTURE(BM_ArraySum, plain, Kind::kPlain)
    ->Iterations(1)
    ->UseManualTime();
BENCHMARK_CAPTURE(BM_ArraySum, shared, Kind::kShared)
    ->Iterations(1)
    ->UseManualTime();
BENCHMARK_CAPTURE(BM_ArraySum, memmap, Kind::kMemmap)
    ->Iterations(1)
    ->UseManualTime();

// ---- The same, by memory.

// Its share of the physical memory, in KiB; 0: it is gone.
double PssKib(int pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/smaps_rollup");
  for (std::string word; file >> word;) {
    double kib;
    if (word == "Pss:" && file >> kib) return kib;
  }
  return 0;
}

// A stopped one maps nothing: no page is counted twice, here and there.
void StopForALook(int pid) {
  kill(pid, SIGSTOP);
  for (std::string state; state != "T" && state != "Z";) {
    std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
    if (!(file >> state >> state >> state)) return;
  }
}

// In which they go on.
constexpr std::chrono::milliseconds kBetweenLooks{20};

// The most that this process and its children take, looked at again and again.
class PeakPss {
 public:
  PeakPss() : thread_([this] { Look(); }) {}
  // In KiB.
  double Stop() {
    stops_.store(true);
    if (thread_.joinable()) thread_.join();
    return peak_;
  }
  ~PeakPss() { Stop(); }
  PeakPss(const PeakPss&) = delete;

 private:
  void Look() {
    do {
      const std::vector<int> children = Children();
      for (const int pid : children) StopForALook(pid);
      double sum = PssKib(ProcessId());
      for (const int pid : children) sum += PssKib(pid);
      for (const int pid : children) kill(pid, SIGCONT);
      peak_ = std::max(peak_, sum);
      std::this_thread::sleep_for(kBetweenLooks);
    } while (!stops_.load());
  }

  std::atomic<bool> stops_{false};
  double peak_ = 0;
  std::thread thread_;
};

// Counter over_mib: the peak of all processes, without the array itself.
void BM_ArrayPss(benchmark::State& state, Kind kind) {
  Parallel parallel = WarmParallel();
  for (auto _ : state) {
    const LargeArray array(kind);
    PeakPss peak;
    array.Sum(state, parallel);
    state.counters["over_mib"] = peak.Stop() / kMib - double{kLargeBytes >> 20};
  }
}
BENCHMARK_CAPTURE(BM_ArrayPss, plain, Kind::kPlain)
    ->Iterations(1)
    ->UseRealTime();
BENCHMARK_CAPTURE(BM_ArrayPss, shared, Kind::kShared)
    ->Iterations(1)
    ->UseRealTime();
BENCHMARK_CAPTURE(BM_ArrayPss, memmap, Kind::kMemmap)
    ->Iterations(1)
    ->UseRealTime();

// ---- Results.

Array<double> MakeResult(int i) {
  auto array = Array<double>::empty({kResultSize});
  FillWith(array.mutable_span(), i);
  return array;
}

// Counters first_us and second_us: of the first such call, and of the next one,
// whose results find the memory of the first ones'.
void BM_ArrayResults(benchmark::State& state) {
  Parallel parallel = WarmParallel();
  for (auto _ : state) {
    for (const char* const counter : {"first_us", "second_us"}) {
      const Clock::time_point start = Clock::now();
      const std::vector<Array<double>> results = parallel(
          each(range(kResults), [](int i) { return delayed(&MakeResult)(i); }));
      state.counters[counter] = MicrosecondsSince(start);
      for (int i = 0; i < kResults; ++i) {
        if (results[static_cast<std::size_t>(i)](kResultSize - 1) != i) {
          state.SkipWithError("a wrong result");
        }
      }
    }
  }
}
BENCHMARK(BM_ArrayResults)->Iterations(1)->UseRealTime();

// ---- A large value and a large map for a thousand tasks.

constexpr int kTasks = 1000;
constexpr int kEntries = 300'000;
constexpr std::size_t kSharedBytes = 200'000'000;

// How often this process has read one.
std::atomic<int> reads{0};

// Which says so.
template <class T>
struct Counted {
  T value;
  template <class Archive>
  void save(Archive& archive) const {
    archive(value);
  }
  template <class Archive>
  void load(Archive& archive) {
    reads.fetch_add(1);
    archive(value);
  }
};
using Values = Counted<std::vector<double>>;
using Lookup = Counted<std::map<int, double>>;

// As a task's first argument: how many bytes of its request follow.
struct RequestBytes {
  std::uint64_t bytes = 0;
  template <class Archive>
  void save(Archive& archive) const {
    archive(bytes);
  }
  template <class Archive>
  void load(Archive& archive) {
    bytes = archive.in().left();
    std::uint64_t sent;
    archive(sent);
  }
};

struct Seen {
  double value = 0;
  std::uint64_t request_bytes = 0;
  int process = 0, reads = 0;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(value, request_bytes, process, reads);
  }
};

Seen UseBoth(const RequestBytes& request, const Shared<Values>& values,
             const Shared<Lookup>& lookup, int i) {
  return {values->value[static_cast<std::size_t>(i)] + lookup->value.at(i),
          request.bytes, ProcessId(), reads.load()};
}

// Time per task. Counters: request_bytes, the most of one task; reads, the most
// of one worker for each of the two values.
void BM_SharedValues(benchmark::State& state) {
  const Shared<Values> values(
      {std::vector<double>(kSharedBytes / sizeof(double), 1.0)});
  Counted<std::map<int, double>> entries;
  for (int i = 0; i < kEntries; ++i) entries.value.emplace(i, i);
  const Shared<Lookup> lookup(std::move(entries));
  Parallel parallel = WarmParallel();
  for (auto _ : state) {
    const Clock::time_point start = Clock::now();
    const std::vector<Seen> all = parallel(each(range(kTasks), [&](int i) {
      return delayed(&UseBoth)(RequestBytes(), values, lookup, i);
    }));
    state.SetIterationTime(MicrosecondsSince(start) * 1e-6);
    std::uint64_t most_bytes = 0;
    int most_reads = 0;
    for (int i = 0; i < kTasks; ++i) {
      const Seen& seen = all[static_cast<std::size_t>(i)];
      if (seen.value != i + 1) state.SkipWithError("a wrong value");
      most_bytes = std::max(most_bytes, seen.request_bytes);
      most_reads = std::max(most_reads, seen.reads);
    }
    state.counters["request_bytes"] = static_cast<double>(most_bytes);
    state.counters["reads"] = most_reads / 2.0;
  }
  state.SetItemsProcessed(state.iterations() * kTasks);
}
BENCHMARK(BM_SharedValues)->Iterations(1)->UseManualTime();

}  // namespace
}  // namespace joblib::benchmarks
