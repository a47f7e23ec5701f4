// The lines that `verbose` prints: tables/verbose.json.
//
// Which lines come must not depend on how long tasks take or on how completions
// meet: joblib counts a completion only once the one before has dispatched. So
// the tasks here do not sleep, where joblib's needed 40 ms for a sure order.

#include <cstddef>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_join.h"
#include "gtest/gtest.h"
#include "joblib/joblib.h"
#include "native/capture_for_test.h"
#include "tests/conformance/case.h"
#include "tests/conformance/fresh_process.h"
#include "tests/conformance/json.h"
#include "tests/conformance/observation.h"
#include "tests/conformance/replay.h"
#include "tests/conformance/scenario.h"
#include "tests/conformance/tasks.h"

namespace joblib::conformance {
namespace {

Json::Items TasksOf(const Json& scenario) {
  if (const Json* tasks = scenario.Find("tasks")) return tasks->items();
  const Json sleep = Json::Object(
      {{"op", Json::Text("sleep")}, {"seconds", Json::Integer(1)}});
  return Json::Items(static_cast<std::size_t>(scenario["n_tasks"].integer()),
                     sleep);
}

// Runs the tasks, given as a range with a length or as one without.
void Run(const Json& scenario) {
  const Json::Items specs = TasksOf(scenario);
  const auto naps = Naps::Scaled(0);
  const auto call = [&naps](const Json& spec) {
    return delayed(DoTask)(spec, naps);
  };
  Parallel parallel(ToParallelOptions(scenario["parallel"]));
  const Json* input = scenario.Find("input");
  if (input != nullptr && input->text() == "list") {
    parallel(each(specs, call));
  } else {
    parallel(each(WithoutLength(specs), call));
  }
}

std::vector<std::string> LinesOf(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

void ExpectLine(const Json& expected, const std::vector<std::string>& lines,
                std::size_t i) {
  if (expected.is_null()) {
    EXPECT_TRUE(lines.empty());
  } else if (i >= lines.size()) {
    ADD_FAILURE() << "no such line: " << expected.text();
  } else {
    EXPECT_TRUE(MatchesText(expected.text(), lines[i]));
  }
}

void ExpectLines(const Json& expect, const std::vector<std::string>& lines) {
  SCOPED_TRACE("printed:\n" + absl::StrJoin(lines, "\n"));
  if (const Json* expected = expect.Find("lines")) {
    EXPECT_EQ(lines.size(), expected->items().size());
    for (std::size_t i = 0; i < expected->items().size(); ++i) {
      ExpectLine(expected->items()[i], lines, i);
    }
  }
  if (const Json* first = expect.Find("first_line")) {
    ExpectLine(*first, lines, 0);
  }
  if (const Json* last = expect.Find("last_line")) {
    ExpectLine(*last, lines, lines.empty() ? 0 : lines.size() - 1);
  }
}

void Replay(const Case& c) {
  const FreshProcess process(c.env, c.machine, PlatformForCalls());
  WarningCollector warnings;
  native::OutputCapture output;
  const Json error = ErrorOfCall([&c] { Run(c.scenario); });
  const auto [out, err] = output.End();

  const Json* expected_error = c.expect.Find("error");
  ExpectSame(expected_error == nullptr ? Json() : *expected_error, error);
  ExpectSame(Json::Array({}), warnings.Take());
  const std::vector<std::string> lines = LinesOf(out + err);
  if (!error.is_null()) {
    for (const std::string& line : lines) {
      EXPECT_FALSE(absl::EndsWith(line, "finished")) << line;
    }
  }
  const Json* stream = c.expect.Find("stream");
  if (stream == nullptr) return;  // Only the error is documented.
  const std::string_view used = !out.empty()   ? "stdout"
                                : !err.empty() ? "stderr"
                                               : "";
  EXPECT_EQ(used, stream->is_null() ? "" : stream->text());
  EXPECT_EQ(!out.empty() && !err.empty(), c.expect["both_streams"].boolean());
  ExpectLines(c.expect, lines);
}

}  // namespace
}  // namespace joblib::conformance

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  joblib::conformance::RegisterReplay({
      .table = "verbose.json",
      .replay = joblib::conformance::Replay,
      .committed = {.native = 279, .wasm = 139, .wasm_threads = 255},
  });
  return RUN_ALL_TESTS();
}
