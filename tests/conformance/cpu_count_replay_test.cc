// cpu_count(), its limits and cgroups: tables/cpu_count.json.

#include <algorithm>
#include <string>
#include <utility>

#include "gtest/gtest.h"
#include "joblib/cpu_count.h"
#include "native/affinity.h"
#include "tests/conformance/case.h"
#include "tests/conformance/fresh_process.h"
#include "tests/conformance/json.h"
#include "tests/conformance/observation.h"
#include "tests/conformance/replay.h"

namespace joblib::conformance {
namespace {

bool Asks(const Json& scenario, const std::string& label) {
  const Json* ask = scenario.Find("ask");
  if (ask == nullptr) return true;
  const Json::Items& labels = ask->items();
  return std::find(labels.begin(), labels.end(), Json::Text(label)) !=
         labels.end();
}

Json Count(bool only_physical_cores) {
  int count = 0;
  const Json error = ErrorOf([&] { count = cpu_count(only_physical_cores); });
  return error.is_null() ? Json::Integer(count)
                         : Json::Object({{"error", error}});
}

Json CountBoth(const Json& scenario) {
  WarningCollector warnings;
  Json::Members counts;
  if (Asks(scenario, "logical")) counts.emplace_back("logical", Count(false));
  if (Asks(scenario, "physical")) counts.emplace_back("physical", Count(true));
  const Json warned = warnings.Take();
  if (!warned.items().empty()) counts.emplace_back("warnings", warned);
  return Json::Object(std::move(counts));
}

void Replay(const Case& c) {
  const FreshProcess process(c.env, c.machine);
  Json counts;
  if (const Json* cpus = c.scenario.Find("set_affinity")) {
    // In a thread: the mask ends with it.
    RunInNewThread([&] {
      ASSERT_TRUE(
          native::BindThreadForTest(static_cast<int>(cpus->items().size())));
      counts = CountBoth(c.scenario);
    });
  } else {
    counts = CountBoth(c.scenario);
  }
  ExpectSame(c.expect, counts);
}

}  // namespace
}  // namespace joblib::conformance

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  joblib::conformance::RegisterReplay({
      .table = "cpu_count.json",
      .replay = joblib::conformance::Replay,
      .committed = {.native = 47, .wasm = 46, .wasm_threads = 46},
  });
  return RUN_ALL_TESTS();
}
