// When loky's workers are kept and when they are replaced:
// tables/lifecycle.json.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <set>
#include <string_view>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "joblib/backends/loky/loky_call.h"
#include "joblib/joblib.h"
#include "tests/conformance/case.h"
#include "tests/conformance/fresh_process.h"
#include "tests/conformance/json.h"
#include "tests/conformance/observation.h"
#include "tests/conformance/replay.h"
#include "tests/conformance/scenario.h"
#include "tests/conformance/tasks.h"
#include "tests/testing/eventually.h"

namespace joblib::conformance {
namespace {

using internal::LokyPoolForTest;
using internal::PoolView;
using ::joblib::testing::Eventually;

using Pids = std::set<std::int64_t>;

Json::Items TasksOf(const Json& step) {
  if (const Json* tasks = step.Find("tasks")) return tasks->items();
  const Json one =
      Json::Object({{"op", Json::Text("return")}, {"value", Json::Integer(1)}});
  return Json::Items(4, one);
}

Json CallOf(const Json& step) {
  const auto naps = Naps::Scaled(1);
  Json results;
  const Json error = ErrorOfCall([&] {
    std::vector<std::unique_ptr<Scope>> scopes;
    if (const Json* list = step.Find("scopes")) {
      for (const Json& scope : list->items()) {
        scopes.push_back(std::make_unique<Scope>(scope));
      }
    }
    Parallel parallel(ToParallelOptions(step["parallel"]));
    const Json::Items got =
        parallel(each(WithoutLength(TasksOf(step)), [&](const Json& spec) {
          return delayed(DoTask)(spec, naps);
        }));
    results = Json::Integer(static_cast<std::int64_t>(got.size()));
    while (!scopes.empty()) scopes.pop_back();
  });
  return error.is_null() ? Json::Object({{"results", results}})
                         : Json::Object({{"error", error}});
}

// The pool once it has as many workers as `expected` says: nothing tells when a
// replaced or idle one has gone. Or as it is in the end.
PoolView SeePool(const Json* expected) {
  PoolView view = LokyPoolForTest();
  if (expected == nullptr) return view;
  const auto n = static_cast<std::size_t>(expected->integer());
  Eventually([&] {
    view = LokyPoolForTest();
    return view.pids.size() == n;
  });
  return view;
}

// What one step after the other finds.
class Steps {
 public:
  Json See(const Json& step, const Json& expect) {
    if (step.Find("wait") != nullptr) {
      const PoolView view = SeePool(expect.Find("alive_workers"));
      return Json::Object({{"alive_workers", CountOf(view.pids.size())}});
    }
    Json seen = CallOf(step);
    const PoolView view = SeePool(expect.Find("workers"));
    if (view.serial == 0) return With(seen, "executor", Json());
    const Pids pids(view.pids.begin(), view.pids.end());
    seen = With(seen, "workers", CountOf(pids.size()));
    seen = With(seen, "executor", Json::Text(NameOf(view.serial)));
    seen = With(seen, "workers_kept", CountOf(NumberOfCommon(pids, pids_)));
    pids_ = pids;
    serial_ = view.serial;
    return seen;
  }

 private:
  static Json CountOf(std::size_t n) {
    return Json::Integer(static_cast<std::int64_t>(n));
  }
  static std::size_t NumberOfCommon(const Pids& a, const Pids& b) {
    Pids common;
    std::set_intersection(a.begin(), a.end(), b.begin(), b.end(),
                          std::inserter(common, common.end()));
    return common.size();
  }
  std::string_view NameOf(int serial) const {
    if (serial_ == 0) return "first";
    return serial == serial_ ? "same" : "new";
  }

  Pids pids_;
  int serial_ = 0;
};

// The tables name an error by its type alone.
Json WithErrorsInFull(const Json& expect) {
  Json::Items steps = expect["steps"].items();
  for (Json& step : steps) {
    const Json* type = step.Find("error");
    if (type == nullptr) continue;
    step = With(step, "error",
                Json::Object({{"type", *type}, {"message", Json::Text("")}}));
  }
  return Json::Object({{"steps", Json::Array(std::move(steps))}});
}

void Replay(const Case& c) {
  const FreshProcess process(c.env, c.machine, PlatformForCalls());
  WarningCollector warnings;
  Steps steps;
  Json::Items seen;
  const Json::Items& expected = c.expect["steps"].items();
  for (const Json& step : c.scenario["steps"].items()) {
    Json one = steps.See(step, expected.at(seen.size()));
    const Json warned = warnings.Take();
    if (!warned.items().empty()) one = With(one, "warnings", warned);
    seen.push_back(std::move(one));
  }
  ExpectSame(WithErrorsInFull(c.expect),
             Json::Object({{"steps", Json::Array(std::move(seen))}}));
}

}  // namespace
}  // namespace joblib::conformance

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  joblib::conformance::RegisterReplay({
      .table = "lifecycle.json",
      .replay = joblib::conformance::Replay,
      .committed = {.native = 21, .wasm = 0, .wasm_threads = 0},
  });
  return RUN_ALL_TESTS();
}
