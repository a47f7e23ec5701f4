// The tasks of process_dispatch_benchmark.cc by Open MPI: run by `mpirun -n 3`,
// rank 0 is the caller.
#include <mpi.h>

#include <array>
#include <cstdint>
#include <vector>

#include "benchmark/benchmark.h"
#include "tests/benchmarks/tasks.h"

namespace joblib::benchmarks {
namespace {

constexpr std::int64_t kEnd = -1;

// The tag names the slot, on the way there and back.
void Serve() {
  for (;;) {
    std::int64_t value;
    MPI_Status status;
    MPI_Recv(&value, 1, MPI_INT64_T, 0, MPI_ANY_TAG, MPI_COMM_WORLD, &status);
    if (value == kEnd) return;
    value = Square(static_cast<int>(value));
    MPI_Send(&value, 1, MPI_INT64_T, 0, status.MPI_TAG, MPI_COMM_WORLD);
  }
}

// As many messages in flight as the argument says, half with each worker.
void BM_DispatchMpi(benchmark::State& state) {
  constexpr int kTasks = 20'000;
  const int in_flight = static_cast<int>(state.range(0));
  struct Slot {
    int task;
    std::int64_t argument, result;
    MPI_Request sent = MPI_REQUEST_NULL;
  };
  std::vector<std::int64_t> results(kTasks);
  for (auto _ : state) {
    std::vector<Slot> slots(in_flight);
    std::vector<MPI_Request> received(in_flight);
    int next = 0;
    const auto send = [&](int i) {
      Slot& slot = slots[i];
      const int worker = 1 + i % kThreads;
      MPI_Wait(&slot.sent, MPI_STATUS_IGNORE);
      slot.task = next++;
      slot.argument = slot.task;
      MPI_Irecv(&slot.result, 1, MPI_INT64_T, worker, i, MPI_COMM_WORLD,
                &received[i]);
      MPI_Isend(&slot.argument, 1, MPI_INT64_T, worker, i, MPI_COMM_WORLD,
                &slot.sent);
    };
    for (int i = 0; i < in_flight; ++i) send(i);
    for (int n = 0; n < kTasks; ++n) {
      int i;
      MPI_Waitany(in_flight, received.data(), &i, MPI_STATUS_IGNORE);
      results[slots[i].task] = slots[i].result;
      if (next < kTasks) send(i);
    }
    for (Slot& slot : slots) MPI_Wait(&slot.sent, MPI_STATUS_IGNORE);
    benchmark::DoNotOptimize(results.data());
    benchmark::ClobberMemory();
  }
  state.SetItemsProcessed(state.iterations() * kTasks);
}
BENCHMARK(BM_DispatchMpi)
    ->ArgName("in_flight")
    ->Arg(4)
    ->Arg(256)
    ->UseRealTime();

}  // namespace

void Main(int argc, char** argv) {
  MPI_Init(&argc, &argv);
  int rank;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  if (rank > 0) {
    Serve();
  } else {
    benchmark::Initialize(&argc, argv);
    benchmark::RunSpecifiedBenchmarks();
    for (int worker = 1; worker <= kThreads; ++worker) {
      MPI_Send(&kEnd, 1, MPI_INT64_T, worker, 0, MPI_COMM_WORLD);
    }
  }
  MPI_Finalize();
}

}  // namespace joblib::benchmarks

int main(int argc, char** argv) { joblib::benchmarks::Main(argc, argv); }
