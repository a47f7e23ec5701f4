// What tasks cost on a cluster that is there: asked by clusters.py, which has
// the engine itself and Python's joblib do the same there.
//
//   cluster_program dask|ray
//
// says "ready" once tasks have run there, then for each line "MEASURE TASKS" on
// the standard input how many seconds they took.
#include <chrono>
#include <cstdio>
#include <exception>
#include <iostream>
#include <stdexcept>
#include <string>
#include <vector>

#include "joblib/joblib.h"
#include "tests/benchmarks/tasks.h"

namespace joblib::benchmarks {
namespace {

// All are there at once, as the engines themselves get them.
void RunSquares(int n, const ParallelOptions& options) {
  const std::vector<long long> squares = Parallel(options)(
      each(range(n), [](int i) { return delayed(&Square)(i); }));
  if (squares.back() != Square(n - 1)) throw std::logic_error("squares");
}

// 64 MiB.
void RunShared(int n) {
  const Shared<std::vector<double>> shared(std::vector<double>(8 << 20, 1.0));
  const std::vector<double> values = Parallel(
      {.batch_size = 1, .pre_dispatch = "all"})(each(range(n), [&](int i) {
    return delayed([](const Shared<std::vector<double>>& all, int i) {
      return (*all)[i];
    })(shared, i);
  }));
  if (values.back() != 1) throw std::logic_error("shared");
}

void Run(const std::string& measure, int n) {
  if (measure == "one") {
    RunSquares(n, {.batch_size = 1, .pre_dispatch = "all"});
  } else if (measure == "auto") {
    RunSquares(n, {});
  } else if (measure == "thousands") {
    RunSquares(n, {.batch_size = 1000, .pre_dispatch = "all"});
  } else if (measure == "shared") {
    RunShared(n);
  } else {
    throw std::invalid_argument(measure);
  }
}

int Serve(const char* engine) {
  register_ray();
  const parallel_config scope({.backend = engine});
  RunSquares(2, {});
  std::cout << "ready" << std::endl;
  std::string measure;
  for (int n; std::cin >> measure >> n;) {
    const auto start = std::chrono::steady_clock::now();
    Run(measure, n);
    const std::chrono::duration<double> took =
        std::chrono::steady_clock::now() - start;
    std::cout << took.count() << std::endl;
  }
  return 0;
}

}  // namespace
}  // namespace joblib::benchmarks

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  try {
    return joblib::benchmarks::Serve(argv[1]);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "cluster_program: %s\n", error.what());
    return 1;
  }
}
