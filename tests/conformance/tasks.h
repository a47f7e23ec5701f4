// The tasks of a scenario, and Parallel calls that run them.
//
//   const auto naps = std::make_shared<Naps>(/*scale=*/0.1);
//   Parallel parallel(ToParallelOptions(scenario["parallel"]));
//   const Json results = Json::Array(
//       RunTasks(parallel, ReturnAsOf(scenario["parallel"]),
//                each(scenario["tasks"].items(), [&](const Json& spec) {
//                  return delayed(DoTask)(spec, naps);
//                })));

#ifndef JOBLIB_TESTS_CONFORMANCE_TASKS_H_
#define JOBLIB_TESTS_CONFORMANCE_TASKS_H_

#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "joblib/backends/platform.h"
#include "joblib/parallel.h"
#include "tests/conformance/json.h"

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

// The sleep of tasks: shorter than the tables say, and ended from outside.
// Thread-safety: any thread.
class Naps {
 public:
  explicit Naps(double scale) : scale_(scale) {}

  // Returns after scale * seconds, or once somebody has said WakeAll.
  void Sleep(double seconds) ABSL_LOCKS_EXCLUDED(mu_);
  // Returns once that many sleeps have begun, or after a minute.
  void AwaitSleeps(int n) ABSL_LOCKS_EXCLUDED(mu_);
  void WakeAll() ABSL_LOCKS_EXCLUDED(mu_);
  bool AnyAsleep() const ABSL_LOCKS_EXCLUDED(mu_);

 private:
  const double scale_;
  mutable absl::Mutex mu_;
  bool awake_ ABSL_GUARDED_BY(mu_) = false;
  int begun_ ABSL_GUARDED_BY(mu_) = 0;
  int asleep_ ABSL_GUARDED_BY(mu_) = 0;
};

// Does what a task's {"op": ...} says: the result, or the exception.
Json DoTask(const Json& spec, const std::shared_ptr<Naps>& naps);

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
