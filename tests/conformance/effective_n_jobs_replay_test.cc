// effective_n_jobs(n) per active backend and machine:
// tables/effective_n_jobs.json.

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "joblib/cpu_count.h"
#include "tests/conformance/case.h"
#include "tests/conformance/fresh_process.h"
#include "tests/conformance/json.h"
#include "tests/conformance/observation.h"
#include "tests/conformance/replay.h"
#include "tests/conformance/scenario.h"
#include "tests/conformance/without_processes.h"

namespace joblib::conformance {
namespace {

Json Ask(const std::string& label, const Json& n_jobs,
         WarningCollector& warnings) {
  int answer = 0;
  const Json error = ErrorOf([&] {
    if (label == "unset") {
      answer = effective_n_jobs();
    } else if (n_jobs.is_null()) {
      answer = effective_n_jobs(none);
    } else {
      answer = effective_n_jobs(n_jobs.number());
    }
  });
  Json result = error.is_null()
                    ? Json::Object({{"value", Json::Integer(answer)}})
                    : Json::Object({{"error", error}});
  const Json warned = warnings.Take();
  return warned.items().empty() ? result : With(result, "warnings", warned);
}

Json AskAll(const Json& scenario) {
  WarningCollector warnings;
  std::vector<std::unique_ptr<Scope>> scopes;
  for (const Json& scope : scenario["scopes"].items()) {
    scopes.push_back(std::make_unique<Scope>(scope));
  }
  Json::Members answers;
  for (const auto& [label, n_jobs] : scenario["n_jobs"].members()) {
    answers.emplace_back(label, Ask(label, n_jobs, warnings));
  }
  while (!scopes.empty()) scopes.pop_back();
  return Json::Object(std::move(answers));
}

// What to expect of `c` where there are threads and no processes.
Json WithThreads(const Case& c) {
  if (ScopeNames(c, "sequential")) return c.expect;
  Json expect = c.expect;
  for (const auto& [label, n_jobs] : c.scenario["n_jobs"].members()) {
    const Json& answer = expect[label];
    if (answer.Find("value") == nullptr) continue;
    std::int64_t n = ThreadsForNone(c);
    if (label == "unset") {
      n = ThreadsFor(-1, c);
    } else if (!n_jobs.is_null()) {
      n = ThreadsFor(static_cast<std::int64_t>(n_jobs.number()), c);
    }
    expect = With(expect, label, With(answer, "value", Json::Integer(n)));
  }
  return expect;
}

void Replay(const Case& c) {
  const auto ask_all = [&c](const Json& env, internal::Platform platform) {
    const FreshProcess process(env, c.machine, platform);
    if (c.scenario.Find("in_thread") == nullptr) return AskAll(c.scenario);
    Json answers;
    RunInNewThread([&] { answers = AskAll(c.scenario); });
    return answers;
  };
  ExpectSame(c.expect, ask_all(c.env, kTablesPlatform));
  if (!IsWithoutProcesses(c)) return;
  {
    SCOPED_TRACE("on a platform without processes and threads");
    ExpectSame(c.expect, ask_all(EnvironmentOf(c), kNoThreads));
  }
  {
    SCOPED_TRACE("on a platform with threads and without processes");
    ExpectSame(WithThreads(c), ask_all(EnvironmentOf(c), kNoProcesses));
  }
}

}  // namespace
}  // namespace joblib::conformance

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  joblib::conformance::RegisterReplay({
      .table = "effective_n_jobs.json",
      .replay = joblib::conformance::Replay,
      .committed = {.native = 161, .wasm = 161, .wasm_threads = 161},
  });
  return RUN_ALL_TESTS();
}
