// The tasks of process_dispatch_benchmark.cc sent to two forked processes by
// hand: through pipes, and through rings in shared memory.
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "benchmark/benchmark.h"
#include "tests/benchmarks/bare_processes.h"
#include "tests/benchmarks/tasks.h"

namespace joblib::benchmarks {
namespace {

struct Message {
  std::int32_t task;
  std::int32_t worker;
  std::int64_t value;  // The argument, then the result.
};

// 4 messages in flight. Each worker has a pipe of its own; the results of both
// come through one.
void BM_DispatchPipes(benchmark::State& state) {
  constexpr int kTasks = 20'000, kInFlight = 4;
  constexpr std::size_t kAtOnce = 64;
  Pipe results_pipe;
  std::array<Pipe, kThreads> tasks;
  std::vector<std::unique_ptr<ForkedChild>> workers;
  for (int k = 0; k < kThreads; ++k) {
    workers.push_back(std::make_unique<ForkedChild>([&, k] {
      Message messages[kAtOnce];
      for (;;) {
        const std::size_t n =
            ReadSome(tasks[k].from, messages, sizeof(messages)) /
            sizeof(Message);
        for (std::size_t i = 0; i < n; ++i) {
          messages[i].value = Square(static_cast<int>(messages[i].value));
          WriteAll(results_pipe.to, &messages[i], sizeof(Message));
        }
      }
    }));
  }
  std::vector<std::int64_t> results(kTasks);
  for (auto _ : state) {
    int sent = 0;
    const auto send = [&](std::int32_t worker) {
      const Message message = {sent, worker, sent};
      WriteAll(tasks[worker].to, &message, sizeof(message));
      ++sent;
    };
    for (int i = 0; i < kInFlight; ++i) send(i % kThreads);
    for (int received = 0; received < kTasks;) {
      Message messages[kAtOnce];
      const std::size_t n =
          ReadSome(results_pipe.from, messages, sizeof(messages)) /
          sizeof(Message);
      for (std::size_t i = 0; i < n; ++i, ++received) {
        results[messages[i].task] = messages[i].value;
        if (sent < kTasks) send(messages[i].worker);
      }
    }
    benchmark::DoNotOptimize(results.data());
    benchmark::ClobberMemory();
  }
  state.SetItemsProcessed(state.iterations() * kTasks);
}
BENCHMARK(BM_DispatchPipes)->UseRealTime();

// One direction of a channel of one sender and one receiver. As many slots as
// may be in flight: the sender needs not look whether there is room.
struct Ring {
  static constexpr std::uint32_t kSlots = 256;
  alignas(64) std::atomic<std::uint32_t> written{0};
  alignas(64) std::array<std::int64_t, kSlots> slots;

  std::int64_t& operator[](std::uint32_t i) { return slots[i % kSlots]; }
};
struct Channel {
  Ring tasks, results;
};

void ServeRings(Channel& channel) {
  Patience patience;
  for (std::uint32_t next = 0;; patience.Wait()) {
    const std::uint32_t end =
        channel.tasks.written.load(std::memory_order_acquire);
    if (next != end) patience.Reset();
    for (; next != end; ++next) {
      channel.results[next] = Square(static_cast<int>(channel.tasks[next]));
      channel.results.written.store(next + 1, std::memory_order_release);
    }
  }
}

// The caller's side of one channel.
struct Link {
  Channel* channel = SharedObject<Channel>();
  std::uint32_t sent = 0, received = 0;
  std::array<std::int32_t, Ring::kSlots> tasks = {};  // What is in flight.

  void Send(int task) {
    tasks[sent % Ring::kSlots] = task;
    channel->tasks[sent] = task;
    channel->tasks.written.store(++sent, std::memory_order_release);
  }
  // Returns how many there were.
  int Receive(std::vector<std::int64_t>& results) {
    const std::uint32_t end =
        channel->results.written.load(std::memory_order_acquire);
    const int n = static_cast<int>(end - received);
    for (; received != end; ++received) {
      results[tasks[received % Ring::kSlots]] = channel->results[received];
    }
    return n;
  }
};

// As many messages in flight as the argument says, half with each worker.
void BM_DispatchRings(benchmark::State& state) {
  const auto share = static_cast<std::uint32_t>(state.range(0) / kThreads);
  std::array<Link, kThreads> links;
  std::vector<std::unique_ptr<ForkedChild>> workers;
  for (Link& link : links) {
    workers.push_back(
        std::make_unique<ForkedChild>([&link] { ServeRings(*link.channel); }));
  }
  for (auto _ : state) {
    std::vector<std::int64_t> results(kTrivialTasks);
    int sent = 0;
    Patience patience;
    for (int received = 0; received < kTrivialTasks;) {
      const int before = sent + received;
      for (Link& link : links) {
        received += link.Receive(results);
        while (sent < kTrivialTasks && link.sent - link.received < share) {
          link.Send(sent++);
        }
      }
      if (sent + received == before) {
        patience.Wait();
      } else {
        patience.Reset();
      }
    }
    benchmark::DoNotOptimize(results.data());
    benchmark::ClobberMemory();
  }
  state.SetItemsProcessed(state.iterations() * kTrivialTasks);
}
BENCHMARK(BM_DispatchRings)
    ->ArgName("in_flight")
    ->Arg(4)
    ->Arg(256)
    ->UseRealTime();

}  // namespace
}  // namespace joblib::benchmarks
