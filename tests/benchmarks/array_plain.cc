// The arrays of array_benchmark.cc by hand: two forked processes that wait, and
// memory without a name.
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "benchmark/benchmark.h"
#include "tests/benchmarks/bare_processes.h"
#include "tests/benchmarks/large_arrays.h"
#include "tests/benchmarks/samples.h"
#include "tests/benchmarks/tasks.h"

namespace joblib::benchmarks {
namespace {

struct Words {
  alignas(64) std::atomic<std::uint32_t> round{0};
  alignas(64) std::atomic<std::uint32_t> done{0};  // Of all workers.
  std::array<std::atomic<double>, kThreads> sums = {};
  // Descriptors of the results, as their maker has them.
  std::array<std::atomic<int>, kResults> results = {};

  void Start(std::uint32_t next) {
    round.store(next, std::memory_order_release);
    SharedWake(round);
  }
  void AwaitStart(std::uint32_t last) {
    while (round.load(std::memory_order_acquire) == last) {
      SharedWait(round, last);
    }
  }
  void Done() {
    done.fetch_add(1, std::memory_order_release);
    SharedWake(done);
  }
  void AwaitDone(std::uint32_t n) {
    for (std::uint32_t seen;
         (seen = done.load(std::memory_order_acquire)) < n;) {
      SharedWait(done, seen);
    }
  }
};

void Require(bool good, const char* what) {
  if (good) return;
  std::perror(what);
  std::exit(1);
}

int NewMemory(std::size_t bytes) {
  const int fd = memfd_create("benchmark", MFD_CLOEXEC);
  Require(fd >= 0 && ftruncate(fd, static_cast<off_t>(bytes)) == 0, "memfd");
  return fd;
}

std::span<double> MapOf(int fd, std::size_t bytes, int access) {
  void* const map = mmap(nullptr, bytes, access, MAP_SHARED, fd, 0);
  Require(map != MAP_FAILED, "mmap");
  return {static_cast<double*>(map), bytes / sizeof(double)};
}

void WriteTo(int fd, std::span<const double> values) {
  const std::size_t bytes = values.size_bytes();
  const auto* const from = reinterpret_cast<const char*>(values.data());
  for (std::size_t at = 0; at < bytes;) {
    const ssize_t n = pwrite(fd, from + at, bytes - at, static_cast<off_t>(at));
    Require(n > 0, "pwrite");
    at += static_cast<std::size_t>(n);
  }
}

// Two workers that map an array and sum it, twice each.
void SumArray(benchmark::State& state, bool writes) {
  auto* const words = SharedObject<Words>();
  const int fd = NewMemory(kLargeBytes);
  std::vector<std::unique_ptr<ForkedChild>> workers;
  for (std::size_t i = 0; i < kThreads; ++i) {
    workers.push_back(std::make_unique<ForkedChild>([&] {
      for (std::uint32_t round = 0;; ++round) {
        words->AwaitStart(round);
        const auto values = MapOf(fd, kLargeBytes, PROT_READ);
        double sum = 0;
        for (int k = 0; k < kSums / kThreads; ++k) sum += SumOf(values);
        words->sums[i].store(sum, std::memory_order_relaxed);
        words->Done();
        munmap(values.data(), kLargeBytes);
      }
    }));
  }
  std::uint32_t round = 0;
  for (auto _ : state) {
    const std::vector<double> values(kLargeSize, 1.0);
    if (!writes) WriteTo(fd, values);
    const Clock::time_point start = Clock::now();
    if (writes) WriteTo(fd, values);
    words->Start(++round);
    words->AwaitDone(round * kThreads);
    state.SetIterationTime(MicrosecondsSince(start) * 1e-6);
    for (const std::atomic<double>& sum : words->sums) {
      Require(sum.load() == double{kLargeSize} * (kSums / kThreads), "sum");
    }
  }
  close(fd);
}
void BM_RawWriteMapSum(benchmark::State& state) { SumArray(state, true); }
BENCHMARK(BM_RawWriteMapSum)->Iterations(1)->UseManualTime();
void BM_RawMapSum(benchmark::State& state) { SumArray(state, false); }
BENCHMARK(BM_RawMapSum)->Iterations(1)->UseManualTime();

// Two workers that fill memory in place, four times each; the program maps it.
// Counter us: as the time.
void BM_RawResults(benchmark::State& state) {
  auto* const words = SharedObject<Words>();
  for (std::atomic<int>& result : words->results) result.store(-1);
  std::vector<std::unique_ptr<ForkedChild>> workers;
  std::array<std::atomic<int>, kThreads>& pids =
      *SharedObject<std::array<std::atomic<int>, kThreads>>();
  for (std::size_t i = 0; i < kThreads; ++i) {
    workers.push_back(std::make_unique<ForkedChild>([&] {
      pids[i].store(ProcessId());
      words->Done();
      words->AwaitStart(0);
      for (std::size_t k = i; k < kResults; k += kThreads) {
        const int fd = NewMemory(kResultBytes);
        const auto values = MapOf(fd, kResultBytes, PROT_READ | PROT_WRITE);
        FillWith(values, static_cast<double>(k));
        words->results[k].store(fd, std::memory_order_release);
        words->Done();
      }
      words->AwaitStart(1);  // All of it lives until then.
    }));
  }
  words->AwaitDone(kThreads);
  for (auto _ : state) {
    const Clock::time_point start = Clock::now();
    words->Start(1);
    std::vector<std::span<double>> results(kResults);
    std::size_t mapped = 0;
    while (mapped < kResults) {
      const std::uint32_t done = kThreads + static_cast<std::uint32_t>(mapped);
      words->AwaitDone(done + 1);
      for (std::size_t k = 0; k < kResults; ++k) {
        const int fd = words->results[k].load(std::memory_order_acquire);
        if (fd < 0 || !results[k].empty()) continue;
        const std::string path = "/proc/" +
                                 std::to_string(pids[k % kThreads].load()) +
                                 "/fd/" + std::to_string(fd);
        const int ours = open(path.c_str(), O_RDWR | O_CLOEXEC);
        Require(ours >= 0, "open");
        results[k] = MapOf(ours, kResultBytes, PROT_READ | PROT_WRITE);
        close(ours);
        ++mapped;
      }
    }
    const double microseconds = MicrosecondsSince(start);
    state.SetIterationTime(microseconds * 1e-6);
    state.counters["us"] = microseconds;
    for (std::size_t k = 0; k < kResults; ++k) {
      Require(results[k].back() == static_cast<double>(k), "result");
      munmap(results[k].data(), kResultBytes);
    }
  }
}
BENCHMARK(BM_RawResults)->Iterations(1)->UseManualTime();

}  // namespace
}  // namespace joblib::benchmarks
