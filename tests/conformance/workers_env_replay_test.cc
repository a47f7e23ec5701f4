// The environment of tasks, with the thread limits of workers:
// tables/workers_env.json.

#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "joblib/joblib.h"
#include "native/environment.h"
#include "tests/conformance/case.h"
#include "tests/conformance/fresh_process.h"
#include "tests/conformance/json.h"
#include "tests/conformance/observation.h"
#include "tests/conformance/replay.h"
#include "tests/conformance/scenario.h"
#include "tests/conformance/tasks.h"

namespace joblib::conformance {
namespace {

constexpr int kTasks = 2;

// The values of the variables that `names` has as its members.
Json Environment(const Json& names) {
  Json::Members values;
  for (const auto& [name, unused] : names.members()) {
    const std::optional<std::string> value = native::GetEnv(name.c_str());
    values.emplace_back(name, value.has_value() ? Json::Text(*value) : Json());
  }
  return Json::Object(std::move(values));
}

Json Observe(const Json& scenario, const Json& names) {
  std::optional<Scope> scope;
  const Json::Items& scopes = scenario["scopes"].items();
  if (scopes.size() > 1) throw std::logic_error("more scopes than one");
  if (!scopes.empty()) scope.emplace(scopes.front());
  Parallel parallel(ToParallelOptions(scenario["parallel"]));
  const std::vector<Json> seen = parallel(
      each(range(kTasks), [&](int) { return delayed(Environment)(names); }));
  for (const Json& other : seen) EXPECT_EQ(other, seen.front());
  return Json::Object({{"env_in_task", seen.front()},
                       {"env_in_parent_after", Environment(names)}});
}

void Replay(const Case& c) {
  const FreshProcess process(c.env, c.machine, PlatformForCalls());
  WarningCollector warnings;
  Json seen;
  const Json error = ErrorOfCall(
      [&] { seen = Observe(c.scenario, c.expect["env_in_parent_after"]); });
  if (!error.is_null()) seen = Json::Object({{"error", error}});
  ExpectSame(c.expect, seen);
  ExpectSame(Json::Array({}), warnings.Take());
}

}  // namespace
}  // namespace joblib::conformance

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  joblib::conformance::RegisterReplay({
      .table = "workers_env.json",
      .replay = joblib::conformance::Replay,
      .committed = {.native = 24, .wasm = 6, .wasm_threads = 6},
  });
  return RUN_ALL_TESTS();
}
