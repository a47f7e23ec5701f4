// What ours and the peers have in common: task bodies, inputs, thread count.
#ifndef TESTS_BENCHMARKS_TASKS_H_
#define TESTS_BENCHMARKS_TASKS_H_

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <random>
#include <vector>

#include "joblib/delayed.h"

namespace joblib::benchmarks {

inline constexpr int kThreads = 2;

// ------------------------------------------------------------- trivial tasks

inline constexpr int kTrivialTasks = 1'000'000;

// As a function its call goes through a pointer, as a functor it is inlined.
inline long long Square(int i) { return static_cast<long long>(i) * i; }
struct SquareFunctor {
  long long operator()(int i) const { return Square(i); }
};

using StoredCall = DelayedCall<long long (*)(int), int>;

inline std::vector<StoredCall> StoredCalls() {
  std::vector<StoredCall> calls;
  calls.reserve(kTrivialTasks);
  for (int i = 0; i < kTrivialTasks; ++i) {
    calls.push_back(delayed(&Square)(i));
  }
  return calls;
}

// ----------------------------------------------------------------- real work

// By the clock: for latency, where each task has to last as long as it says.
inline void SpinFor(std::chrono::nanoseconds duration) {
  const auto until = std::chrono::steady_clock::now() + duration;
  while (std::chrono::steady_clock::now() < until) {
  }
}

// By the amount of work, about a nanosecond a step: for throughput, where a
// thread that loses its core has to do the rest all the same.
inline std::uint64_t Work(int steps) {
  std::uint64_t x = static_cast<std::uint64_t>(steps);
  for (int i = 0; i < steps; ++i) {
    x = x * 6364136223846793005u + 1442695040888963407u;
  }
  return x;
}

// For processes: 20'000 tasks of some 30 us.
inline constexpr int kShortTasks = 20'000;
inline constexpr int kShortSteps = 25'000;

inline constexpr int kWorkTasks = 1000;

// Steps of kWorkTasks tasks, some 100'000 on the average.
inline std::vector<int> AscendingSteps() {
  std::vector<int> steps(kWorkTasks);
  for (int i = 0; i < kWorkTasks; ++i) steps[i] = 200 * i;
  return steps;
}
// Pareto with exponent 1.5, cut off at 40 times the smallest: half of the work
// is in an eighth of the tasks.
inline std::vector<int> HeavyTailSteps() {
  std::mt19937_64 random(1998);
  std::vector<int> steps(kWorkTasks);
  for (int& n : steps) {
    const double u = static_cast<double>(random() >> 11) * 0x1p-53;
    const double pareto = std::pow(1 - u, -1 / 1.5);
    n = static_cast<int>(40'000 * std::min(pareto, 40.0));
  }
  return steps;
}
inline std::vector<int> AscendingHeavyTailSteps() {
  std::vector<int> steps = HeavyTailSteps();
  std::sort(steps.begin(), steps.end());
  return steps;
}

// ------------------------------------------------------------------- vectors

// 100 kB each, there and back.
inline constexpr int kVectorTasks = 10'000;
inline constexpr std::size_t kVectorSize = 12'500;

inline std::vector<double> Touch(std::vector<double> v) {
  v[0] += 1;
  return v;
}

// All of them, so that a measurement of what is sent makes none.
inline std::vector<std::vector<double>> VectorInputs() {
  std::vector<std::vector<double>> inputs(kVectorTasks);
  for (int i = 0; i < kVectorTasks; ++i) inputs[i].assign(kVectorSize, i);
  return inputs;
}

}  // namespace joblib::benchmarks

#endif  // TESTS_BENCHMARKS_TASKS_H_
