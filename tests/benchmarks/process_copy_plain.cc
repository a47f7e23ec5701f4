// The vectors of process_copy_benchmark.cc by hand: copied into shared memory
// and out of it, on the way there and back.
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <utility>
#include <vector>

#include "benchmark/benchmark.h"
#include "tests/benchmarks/bare_processes.h"
#include "tests/benchmarks/samples.h"
#include "tests/benchmarks/tasks.h"

namespace joblib::benchmarks {
namespace {

// What one worker may have in flight: 4 in all, as in the default window.
constexpr std::uint32_t kSlots = 2;

struct Lane {
  alignas(64) std::atomic<std::uint32_t> written{0};
  alignas(64) std::array<double, kVectorSize> slots[kSlots];

  void Write(std::uint32_t i, const std::vector<double>& v) {
    std::memcpy(slots[i % kSlots].data(), v.data(), sizeof(slots[0]));
    written.store(i + 1, std::memory_order_release);
  }
  std::vector<double> Read(std::uint32_t i) {
    const auto& slot = slots[i % kSlots];
    return std::vector<double>(slot.begin(), slot.end());
  }
  bool HasMore(std::uint32_t i) const {
    return written.load(std::memory_order_acquire) != i;
  }
};
struct Lanes {
  Lane there, back;
};

void ServeCopies(Lanes& lanes) {
  Patience patience;
  for (std::uint32_t i = 0;; ++i) {
    for (patience.Reset(); !lanes.there.HasMore(i);) patience.Wait();
    lanes.back.Write(i, Touch(lanes.there.Read(i)));
  }
}

struct CopyLink {
  Lanes* lanes = SharedObject<Lanes>();
  std::uint32_t sent = 0, received = 0;
  std::array<std::size_t, kSlots> tasks = {};
};

void BM_CopyRaw(benchmark::State& state) {
  std::array<CopyLink, kThreads> links;
  std::vector<std::unique_ptr<ForkedChild>> workers;
  for (CopyLink& link : links) {
    workers.push_back(
        std::make_unique<ForkedChild>([&] { ServeCopies(*link.lanes); }));
  }
  for (auto _ : state) {
    std::vector<std::vector<double>> inputs = VectorInputs();
    const Clock::time_point start = Clock::now();
    std::vector<std::vector<double>> results(inputs.size());
    std::size_t sent = 0;
    Patience patience;
    for (std::size_t received = 0; received < inputs.size();) {
      const std::size_t before = sent + received;
      for (CopyLink& link : links) {
        while (sent < inputs.size() && link.sent - link.received < kSlots) {
          link.tasks[link.sent % kSlots] = sent;
          link.lanes->there.Write(link.sent++, inputs[sent]);
          inputs[sent++] = {};
        }
        while (link.lanes->back.HasMore(link.received)) {
          results[link.tasks[link.received % kSlots]] =
              link.lanes->back.Read(link.received);
          ++link.received;
          ++received;
        }
      }
      if (sent + received == before) {
        patience.Wait();
      } else {
        patience.Reset();
      }
    }
    state.SetIterationTime(MicrosecondsSince(start) * 1e-6);
    benchmark::DoNotOptimize(results.data());
  }
  state.SetItemsProcessed(state.iterations() * kVectorTasks);
}
BENCHMARK(BM_CopyRaw)->Iterations(1)->UseManualTime();

}  // namespace
}  // namespace joblib::benchmarks
