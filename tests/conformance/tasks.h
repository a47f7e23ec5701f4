// The tasks of a scenario, which can travel to other processes, and Parallel
// calls that run them.
//
//   const auto naps = Naps::Scaled(0.1);
//   Parallel parallel(ToParallelOptions(scenario["parallel"]));
//   const Json results = Json::Array(
//       RunTasks(parallel, ReturnAsOf(scenario["parallel"]),
//                each(scenario["tasks"].items(), [&](const Json& spec) {
//                  return delayed(DoTask)(spec, naps);
//                })));

#ifndef JOBLIB_TESTS_CONFORMANCE_TASKS_H_
#define JOBLIB_TESTS_CONFORMANCE_TASKS_H_

#include <cstdint>
#include <functional>
#include <stdexcept>
#include <string>
#include <utility>

#include "joblib/backends/platform.h"
#include "joblib/parallel.h"
#include "tests/conformance/json.h"
#include "tests/testing/shared_counters.h"

namespace joblib::conformance {

// A user's exception, and one that cannot be rebuilt from its text alone.
class CustomError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};
class TwoArgsError : public std::exception {
 public:
  TwoArgsError(const std::string& a, const std::string& b);
  const char* what() const noexcept override { return what_.c_str(); }

 private:
  std::string what_;
};

// The sleep of tasks: shorter than the tables say, and ended from outside. A
// handle: tasks take it by value. Thread-safety: any thread of any process.
class Naps {
 public:
  Naps() = default;  // None: for what is read from an archive.
  static Naps Scaled(double scale);

  // Returns after scale * seconds, or once somebody has said WakeAll.
  void Sleep(double seconds) const;
  // Returns once that many sleeps have begun, or after a minute.
  void AwaitSleeps(int n) const;
  void WakeAll() const;
  // Whether any sleep has begun and not ended. (A killed one never ends.)
  bool AnyAsleep() const;

  template <class Archive>
  void serialize(Archive& archive) {
    archive(scale_, counters_);
  }

 private:
  double scale_ = 1;
  testing::SharedCounters counters_;
};

// Does what a task's {"op": ...} says: the result, or the exception, or the
// worker's end.
Json DoTask(const Json& spec, const Naps& naps);

// Returns n; the latter once `gate` is open.
Json Return(std::int64_t n);
Json ReturnThrough(const testing::SharedGate& gate, std::int64_t n);

// As ErrorOf (observation.h), also for what tasks throw; the types that C++
// has no own word for under Python's name.
Json ErrorOfCall(const std::function<void()>& body);

// Ascending, where the tables sort what comes in any order.
void SortIntegers(Json::Items& integers);

// Names and warnings are those of the tables' platform, as far as tasks can run
// on this one: without threads the threading backend has one worker.
internal::Platform PlatformForCalls();

// A range that does not tell its length, as a generator of Python's.
template <class Range>
class WithoutLength {
 public:
  explicit WithoutLength(Range range) : range_(std::move(range)) {}
  auto begin() const { return range_.begin(); }
  auto end() const { return range_.end(); }

 private:
  Range range_;
};

// "list" where the options do not say.
std::string ReturnAsOf(const Json& parallel_options);

// The generator that return_as names: not "list".
template <class Tasks>
Generator<Json> Generate(Parallel& parallel, const std::string& return_as,
                         Tasks&& tasks) {
  if (return_as == "generator") {
    return parallel.generator(std::forward<Tasks>(tasks));
  }
  if (return_as == "generator_unordered") {
    return parallel.generator_unordered(std::forward<Tasks>(tasks));
  }
  throw std::logic_error("no such generator: " + return_as);
}

// All results of a call of tasks whose results are Json.
template <class Tasks>
Json::Items RunTasks(Parallel& parallel, const std::string& return_as,
                     Tasks&& tasks) {
  if (return_as == "list") return parallel(std::forward<Tasks>(tasks));
  Json::Items results;
  for (Json& result :
       Generate(parallel, return_as, std::forward<Tasks>(tasks))) {
    results.push_back(std::move(result));
  }
  return results;
}

}  // namespace joblib::conformance

#endif  // JOBLIB_TESTS_CONFORMANCE_TASKS_H_
