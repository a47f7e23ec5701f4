// joblib's example "Using Dask for single-machine parallel computing", in C++.
#include <chrono>
#include <cstdio>
#include <exception>
#include <numeric>
#include <thread>
#include <vector>

#include "absl/strings/str_format.h"
#include "joblib/joblib.h"

namespace {

int LongRunning(int i) {
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  return i;
}

void Run() {
  // A scheduler and two workers, as long as this lives.
  const joblib::dask::LocalCluster cluster(
      {.n_workers = 2, .dashboard_address = "127.0.0.1:0"});
  absl::PrintF("dashboard: %s\n", cluster.dashboard_link());
  std::fflush(stdout);
  // Runs on the last cluster made.
  const joblib::parallel_config scope({.backend = "dask", .verbose = 10});
  const std::vector<int> results =
      joblib::Parallel()(joblib::each(joblib::range(10), [](int i) {
        return joblib::delayed(LongRunning)(i);
      }));
  absl::PrintF("%d results, their sum is %d\n", results.size(),
               std::accumulate(results.begin(), results.end(), 0));
}

}  // namespace

int main() {
  try {
    Run();
  } catch (const std::exception& error) {
    absl::FPrintF(stderr, "dask_single_machine: %s\n", error.what());
    return 1;
  }
}
