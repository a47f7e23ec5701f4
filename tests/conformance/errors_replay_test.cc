// Failing tasks and timeouts: tables/errors.json.

#include <chrono>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>

#include "absl/strings/match.h"
#include "gtest/gtest.h"
#include "joblib/joblib.h"
#include "tests/conformance/case.h"
#include "tests/conformance/fresh_process.h"
#include "tests/conformance/json.h"
#include "tests/conformance/observation.h"
#include "tests/conformance/replay.h"
#include "tests/conformance/scenario.h"
#include "tests/conformance/tasks.h"

namespace joblib::conformance {
namespace {

// Where the call waits for its sleeping tasks, they sleep this much shorter.
constexpr double kScale = 0.1;

using Clock = std::chrono::steady_clock;

double SecondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// A task that raises does so once those before it sleep, as in the tables:
// there each has a head start that is long beside the start of a worker.
Json DoInTurn(const Json& spec, const Naps& naps, int n_sleeps_before) {
  naps.AwaitSleeps(n_sleeps_before);
  return DoTask(spec, naps);
}

// ---- Arguments and results that do not travel ----

// Nothing tells how to write it, which shows when it is used.
struct Unpicklable {
  std::shared_ptr<std::mutex> lock;
};
// Can be written, but not read.
struct Bomb {
  int fuse = 0;  // Without a member nothing would be loaded.
  template <class Archive>
  void save(Archive&) const {}
  template <class Archive>
  void load(Archive&) {
    throw std::runtime_error("bomb");
  }
};
constexpr auto kLambda = [](int x) { return x; };
using Lambda = std::decay_t<decltype(kLambda)>;

// DoInTurn, with one of these as an argument or as the result.
template <class Argument>
Json Take(const Json& spec, const Naps& naps, const Argument&) {
  return DoTask(spec, naps);
}
template <class Result>
Result Give(const Json&) {
  return Result();
}

// What the tasks carry: the "arg" of one, or what one returns; else "".
std::string CargoOf(const Json::Items& tasks) {
  for (const Json& spec : tasks) {
    const std::string& op = spec["op"].text();
    if (op == "take") return spec["arg"].text();
    if (absl::StartsWith(op, "return_")) return op;
  }
  return "";
}

template <class Argument>
Json::Items RunTaking(Parallel& parallel, const Json::Items& tasks,
                      const Naps& naps) {
  return parallel(each(tasks, [&](const Json& spec) {
    return delayed(Take<Argument>)(spec, naps, Argument());
  }));
}

template <class Result>
Json::Items RunGiving(Parallel& parallel, const Json::Items& tasks) {
  return Json::Items(parallel(each(tasks,
                                   [](const Json& spec) {
                                     return delayed(Give<Result>)(spec);
                                   }))
                         .size(),
                     Json::Text("arrived"));
}

Json::Items Run(Parallel& parallel, const std::string& return_as,
                const Json::Items& tasks, const Naps& naps) {
  const std::string cargo = CargoOf(tasks);
  if (cargo == "unpicklable") {
    return RunTaking<Unpicklable>(parallel, tasks, naps);
  }
  if (cargo == "lambda") return RunTaking<Lambda>(parallel, tasks, naps);
  if (cargo == "bomb") return RunTaking<Bomb>(parallel, tasks, naps);
  if (cargo == "return_unpicklable") {
    return RunGiving<Unpicklable>(parallel, tasks);
  }
  if (cargo == "return_bomb") return RunGiving<Bomb>(parallel, tasks);
  int n_sleeps = 0;
  return RunTasks(
      parallel, return_as, each(WithoutLength(tasks), [&](const Json& spec) {
        const std::string& op = spec["op"].text();
        if (op == "sleep") ++n_sleeps;
        return delayed(DoInTurn)(spec, naps, op == "raise" ? n_sleeps : 0);
      }));
}

// Three trivial tasks, on the same object or on a new one.
Json RunThen(const Json& scenario, Parallel& parallel) {
  const std::string return_as = ReturnAsOf(scenario["parallel"]);
  Json::Items tasks;
  for (int i = 0; i < 3; ++i) {
    tasks.push_back(Json::Object(
        {{"op", Json::Text("return")}, {"value", Json::Integer(i)}}));
  }
  Json::Items results;
  const Json error = ErrorOfCall([&] {
    Parallel other(ToParallelOptions(Without(scenario["parallel"], "timeout")));
    const bool same = scenario["then"].text() == "same object";
    results =
        Run(same ? parallel : other, return_as, tasks, Naps::Scaled(kScale));
  });
  if (!error.is_null()) return Json::Object({{"error", error}});
  if (return_as == "generator_unordered") SortIntegers(results);
  return Json::Object({{"results", Json::Array(std::move(results))}});
}

Json Observe(const Json& scenario) {
  const Json& options = scenario["parallel"];
  WarningCollector warnings;
  Json::Members seen;
  // A timeout is as short as they say, and nobody waits for the tasks.
  const double scale = options.Find("timeout") == nullptr ? kScale : 1;
  const auto naps = Naps::Scaled(scale);
  std::unique_ptr<Parallel> parallel;
  const Clock::time_point start = Clock::now();
  const Json error = ErrorOfCall([&] {
    parallel = std::make_unique<Parallel>(ToParallelOptions(options));
    seen.emplace_back("results",
                      Json::Array(Run(*parallel, ReturnAsOf(options),
                                      scenario["tasks"].items(), naps)));
  });
  if (!error.is_null()) seen.emplace_back("error", error);
  if (const Json* within = scenario.Find("quick_within")) {
    // Surely early while a task still sleeps, however slow this machine is.
    const bool early =
        naps.AnyAsleep() || SecondsSince(start) < scale * within->number();
    seen.emplace_back("returned_early", Json::Boolean(early));
  }
  naps.WakeAll();
  seen.emplace_back("warnings", warnings.Take());
  if (scenario.Find("then") != nullptr) {
    seen.emplace_back("then", RunThen(scenario, *parallel));
  }
  return Json::Object(std::move(seen));
}

// Without what a C++ exception does not have.
Json WithoutPythonsOwn(const Json& expect) {
  const Json* error = expect.Find("error");
  if (error == nullptr) return expect;
  return With(expect, "error", Without(Without(*error, "args"), "cause"));
}

void Replay(const Case& c) {
  const FreshProcess process(c.env, c.machine, PlatformForCalls());
  ExpectSame(WithoutPythonsOwn(c.expect), Observe(c.scenario));
}

}  // namespace
}  // namespace joblib::conformance

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  joblib::conformance::RegisterReplay({
      .table = "errors.json",
      .replay = joblib::conformance::Replay,
      .committed = {.native = 79, .wasm = 25, .wasm_threads = 29},
  });
  return RUN_ALL_TESTS();
}
