// How Parallel reads its input, and in what order results come:
// tables/dispatch.json.

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "joblib/joblib.h"
#include "tests/conformance/case.h"
#include "tests/conformance/fresh_process.h"
#include "tests/conformance/json.h"
#include "tests/conformance/observation.h"
#include "tests/conformance/replay.h"
#include "tests/conformance/scenario.h"
#include "tests/conformance/tasks.h"
#include "tests/testing/gates.h"
#include "tests/testing/shared_counters.h"

namespace joblib::conformance {
namespace {

using ::joblib::testing::Gate;
using ::joblib::testing::kPatience;
using ::joblib::testing::SharedCounters;
using ::joblib::testing::SharedGate;
using std::chrono::milliseconds;

// Where tasks end in the order of their sleep: long enough that it holds on a
// busy machine.
constexpr double kOrderScale = 0.4;
// Where they only have to take a while.
constexpr double kScale = 0.1;

std::int64_t CountOf(const Json& scenario) {
  return scenario["n_tasks"].integer();
}

// A second thread of the program, joined at the end.
class Helper {
 public:
  explicit Helper(std::function<void()> body) : thread_(std::move(body)) {}
  Helper(const Helper&) = delete;
  Helper& operator=(const Helper&) = delete;
  ~Helper() { Join(); }
  void Join() {
    if (thread_.joinable()) thread_.join();
  }

 private:
  std::thread thread_;
};

// Opens a gate when it goes out of scope, by an exception too.
class Opened {
 public:
  explicit Opened(Gate& gate) : gate_(gate) {}
  Opened(const Opened&) = delete;
  Opened& operator=(const Opened&) = delete;
  ~Opened() { gate_.Open(); }

 private:
  Gate& gate_;
};

// n numbers, given as by a generator.
WithoutLength<Range<std::int64_t>> Numbers(std::int64_t n,
                                           std::int64_t first = 0) {
  return WithoutLength(range(first, first + n));
}

// n tasks that return their number once `gate` is open.
auto GatedTasks(std::int64_t n, const SharedGate& gate) {
  return each(Numbers(n), [gate](std::int64_t i) {
    return delayed(ReturnThrough)(gate, i);
  });
}

// n tasks that return their number.
auto TrivialTasks(std::int64_t n, std::int64_t first = 0) {
  return each(Numbers(n, first),
              [](std::int64_t i) { return delayed(Return)(i); });
}

// What one kind of scenario sees; it is kept where the call throws.
using Seen = Json::Members;

void SeeResults(const Json& scenario, Json::Items results, Seen& seen) {
  const Json* as_set = scenario.Find("as_set");
  const bool sorted = as_set != nullptr && as_set->boolean();
  if (sorted) SortIntegers(results);
  seen.emplace_back(sorted ? "results_sorted" : "results",
                    Json::Array(std::move(results)));
}

// ---- How far the input is read ----

// Until `read` is `expected` and stays so for a while: nothing outside tells
// that a call has stopped reading. Not beyond the end of the call.
void WaitUntilReadingStops(const std::atomic<int>& read, int expected,
                           const Gate& over) {
  const auto start = std::chrono::steady_clock::now();
  while (read < expected && !over.is_open() &&
         std::chrono::steady_clock::now() - start < kPatience / 4) {
    std::this_thread::sleep_for(milliseconds(1));
  }
  std::this_thread::sleep_for(milliseconds(30));
}

// All tasks wait for a gate, which opens once reading has stopped.
void SeeConsumption(const Json& scenario, const Json& expect, Seen& seen) {
  if (!internal::OwnPlatform().threads) {
    throw std::runtime_error("nobody could open the gate");
  }
  std::atomic<int> read = 0;
  const auto gate = SharedGate::Shut();
  Gate over;
  Parallel parallel(ToParallelOptions(scenario["parallel"]));
  int read_before = 0;
  const auto expected =
      static_cast<int>(expect["read_before_first_completion"].integer());
  Helper opener([&] {
    WaitUntilReadingStops(read, expected, over);
    read_before = read;
    gate.Open();
  });
  const Opened over_at_the_end(over);
  Json::Items results =
      RunTasks(parallel, ReturnAsOf(scenario["parallel"]),
               each(Numbers(CountOf(scenario)), [&](std::int64_t i) {
                 ++read;
                 return delayed(ReturnThrough)(gate, i);
               }));
  opener.Join();
  seen.emplace_back("read_before_first_completion", Json::Integer(read_before));
  SeeResults(scenario, std::move(results), seen);
  seen.emplace_back("read_in_all", Json::Integer(read));
}

// A sequential generator reads as it is read.
void SeeLaziness(const Json& scenario, Seen& seen) {
  std::int64_t read = 0;
  const Json& options = scenario["parallel"];
  Parallel parallel(ToParallelOptions(options));
  Generator<Json> generator =
      Generate(parallel, ReturnAsOf(options),
               each(Numbers(CountOf(scenario)), [&read](std::int64_t i) {
                 ++read;
                 return delayed(Return)(i);
               }));
  Json::Items steps = {Json::Integer(read)};
  std::optional<Generator<Json>::iterator> position;
  for (std::int64_t i = 0; i < scenario["take"].integer(); ++i) {
    if (position.has_value()) {
      ++*position;
    } else {
      position = generator.begin();
    }
    steps.push_back(Json::Integer(read));
  }
  seen.emplace_back("read_after_each_step", Json::Array(std::move(steps)));
}

// ---- Results ----

void SeeRun(const Json& scenario, Seen& seen) {
  const Json& options = scenario["parallel"];
  const std::string return_as = ReturnAsOf(options);
  const auto naps = Naps::Scaled(kOrderScale);
  Parallel parallel(ToParallelOptions(options));
  Json::Items results;
  if (const Json* tasks = scenario.Find("tasks")) {
    results =
        RunTasks(parallel, return_as,
                 each(WithoutLength(tasks->items()), [&naps](const Json& spec) {
                   return delayed(DoTask)(spec, naps);
                 }));
  } else {
    results = RunTasks(parallel, return_as, TrivialTasks(CountOf(scenario)));
  }
  seen.emplace_back("result_type",
                    Json::Text(return_as == "list" ? "list" : "generator"));
  SeeResults(scenario, std::move(results), seen);
}

void SeeFailingInput(const Json& scenario, Seen& seen) {
  const Json& options = scenario["parallel"];
  const std::string return_as = ReturnAsOf(options);
  Parallel parallel(ToParallelOptions(options));
  const auto tasks = [&scenario] {
    return each(Numbers(CountOf(scenario)), [at = scenario["at"].integer()](
                                                std::int64_t i) {
      if (i == at) {
        throw std::invalid_argument(absl::StrCat("input failed at ", at));
      }
      return delayed(Return)(i);
    });
  };
  if (return_as == "list") {
    parallel(tasks());
    seen.emplace_back("call_returned", Json::Boolean(true));
    return;
  }
  std::optional<Generator<Json>> generator;
  try {
    generator = Generate(parallel, return_as, tasks());
  } catch (...) {
    seen.emplace_back("call_returned", Json::Boolean(false));
    throw;
  }
  seen.emplace_back("call_returned", Json::Boolean(true));
  for (const Json& result : *generator) static_cast<void>(result);
}

// ---- One call at a time ----

Json AcceptedOr(const Json& error) {
  return error.is_null() ? Json::Text("accepted") : error;
}

void SeeSecondCall(const Json& scenario, Seen& seen) {
  const Json& options = scenario["parallel"];
  const std::string return_as = ReturnAsOf(options);
  Parallel parallel(ToParallelOptions(options));
  const auto gate = SharedGate::Shut();
  {
    Generator<Json> first = Generate(parallel, return_as, GatedTasks(4, gate));
    seen.emplace_back("second", AcceptedOr(ErrorOf([&] {
                        Generate(parallel, return_as, TrivialTasks(2));
                      })));
    gate.Open();
    for (const Json& result : first) static_cast<void>(result);
  }
  const Json one =
      Json::Object({{"op", Json::Text("return")}, {"value", Json::Integer(1)}});
  const Json::Items twice = {one, one};
  Json::Items results = RunTasks(
      parallel, return_as, each(WithoutLength(twice), [](const Json& spec) {
        return delayed(DoTask)(spec, Naps());
      }));
  seen.emplace_back("after_first_is_read", Json::Array(std::move(results)));
}

void SeeSecondCallOfAnotherThread(const Json& scenario, Seen& seen) {
  if (!internal::OwnPlatform().threads) {
    throw std::runtime_error("there is no other thread");
  }
  Parallel parallel(ToParallelOptions(scenario["parallel"]));
  const auto running = SharedGate::Shut();
  const auto release = SharedGate::Shut();
  Json second;
  Helper other([&] {
    if (running.Wait()) {
      second = AcceptedOr(ErrorOf([&] { parallel(TrivialTasks(2)); }));
    }
    release.Open();
  });
  parallel(each(Numbers(2), [&](std::int64_t) {
    return delayed([](const SharedGate& running, const SharedGate& release) {
      running.Open();
      release.Wait();
      return Json();
    })(running, release);
  }));
  other.Join();
  seen.emplace_back("second", std::move(second));
}

// ---- Generators closed before their end ----

// Of warnings, the part of the text that does not depend on time.
Json SureEnds(const Json& warnings) {
  constexpr std::string_view kSureEnd =
      "tasks which were still being processed by the workers have been";
  Json::Items ends;
  for (const Json& warning : warnings.items()) {
    const std::string& message = warning["message"].text();
    const std::size_t at = message.find(kSureEnd);
    ends.push_back(Json::Object(
        {{"category", warning["category"]},
         {"message_ends_with",
          Json::Text(at == message.npos ? message : message.substr(at))}}));
  }
  return Json::Array(std::move(ends));
}

void Take(std::int64_t n, Generator<Json>& generator) {
  if (n == 0) return;
  auto position = generator.begin();
  while (--n > 0) ++position;
}

void SeeEarlyClose(const Json& scenario, WarningCollector& warnings,
                   Seen& seen) {
  const Json& options = scenario["parallel"];
  const std::string return_as = ReturnAsOf(options);
  const auto naps = Naps::Scaled(kScale);
  Parallel parallel(ToParallelOptions(options));
  {
    Generator<Json> generator =
        Generate(parallel, return_as,
                 each(Numbers(CountOf(scenario)), [&](std::int64_t i) {
                   return delayed([](const Naps& naps, std::int64_t i) {
                     naps.Sleep(0.25);
                     return Json::Integer(i);
                   })(naps, i);
                 }));
    Take(scenario["take"].integer(), generator);
  }
  seen.emplace_back("warnings_on_close", SureEnds(warnings.Take()));
  // joblib may add a result of the first call; these are all.
  Json::Items results = RunTasks(parallel, return_as, TrivialTasks(2, 100));
  SortIntegers(results);
  seen.emplace_back("then_results_include", Json::Array(std::move(results)));
}

Json EndAfter(const SharedGate& gate, const SharedCounters& ended,
              std::int64_t i, std::int64_t take) {
  if (i >= take) gate.Wait();
  ended.Add();
  return Json::Integer(i);
}

// The first `take` tasks are instant, the others end later; after `wait` all
// are counted.
Json CloseWhenDone(const Json& scenario, milliseconds wait,
                   WarningCollector& warnings) {
  const Json& options = scenario["parallel"];
  const std::int64_t n = CountOf(scenario);
  const std::int64_t take = scenario["take"].integer();
  Parallel parallel(ToParallelOptions(options));
  const auto ended = SharedCounters::Zeros();
  const auto gate = SharedGate::Shut();
  {
    Generator<Json> generator = Generate(
        parallel, ReturnAsOf(options), each(Numbers(n), [&](std::int64_t i) {
          return delayed(EndAfter)(gate, ended, i, take);
        }));
    Take(take, generator);
    gate.Open();
    if (options["backend"].text() != "sequential") ended.AwaitAtLeast(0, n);
    std::this_thread::sleep_for(wait);
  }
  return Json::Object({{"warnings_on_close", warnings.Take()}});
}

// A task is counted a moment after it has ended, and nothing outside tells
// when: waits longer where that moment was too short.
void SeeCloseWhenDone(const Json& scenario, const Json& expect,
                      WarningCollector& warnings, Seen& seen) {
  for (int wait : {10, 100, 1000, 5000}) {
    const Json closed = CloseWhenDone(scenario, milliseconds(wait), warnings);
    seen = closed.members();
    if (closed == expect) return;
  }
}

// ---- Replay ----

void See(const Json& scenario, const Json& expect, WarningCollector& warnings,
         Seen& seen) {
  const std::string& kind = scenario["kind"].text();
  if (kind == "run") return SeeRun(scenario, seen);
  if (kind == "consumption") return SeeConsumption(scenario, expect, seen);
  if (kind == "lazy") return SeeLaziness(scenario, seen);
  if (kind == "input_raises") return SeeFailingInput(scenario, seen);
  if (kind == "reentrant") return SeeSecondCall(scenario, seen);
  if (kind == "reentrant_thread") {
    return SeeSecondCallOfAnotherThread(scenario, seen);
  }
  if (kind == "closed_early") return SeeEarlyClose(scenario, warnings, seen);
  if (kind == "closed_when_done") {
    return SeeCloseWhenDone(scenario, expect, warnings, seen);
  }
  throw std::logic_error(absl::StrCat("no such kind: ", kind));
}

void Replay(const Case& c) {
  const FreshProcess process(c.env, c.machine, PlatformForCalls());
  WarningCollector warnings;
  Seen seen;
  const Json error =
      ErrorOfCall([&] { See(c.scenario, c.expect, warnings, seen); });
  if (!error.is_null()) seen.emplace_back("error", error);
  Json warned = warnings.Take();
  if (!warned.items().empty()) seen.emplace_back("warnings", std::move(warned));
  Json observed = Json::Object(std::move(seen));
  // joblib documents no more than the error.
  if (c.documented.is_object() && c.documented.Find("error") != nullptr) {
    observed = Without(observed, "call_returned");
  }
  ExpectSame(c.expect, observed);
}

}  // namespace
}  // namespace joblib::conformance

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  joblib::conformance::RegisterReplay({
      .table = "dispatch.json",
      .replay = joblib::conformance::Replay,
      .committed = {.native = 164, .wasm = 66, .wasm_threads = 118},
  });
  return RUN_ALL_TESTS();
}
