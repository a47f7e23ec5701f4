// joblib's small computations, one by one: tables/functions.json.

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "gtest/gtest.h"
#include "joblib/core/auto_batch.h"
#include "joblib/core/byte_size.h"
#include "joblib/core/pre_dispatch.h"
#include "joblib/core/slicing.h"
#include "joblib/core/verbosity.h"
#include "tests/conformance/case.h"
#include "tests/conformance/json.h"
#include "tests/conformance/replay.h"

namespace joblib::conformance {
namespace {

using internal::AutoBatch;
using internal::Slicer;

// The integers of an array.
std::vector<std::int64_t> Integers(const Json& array) {
  std::vector<std::int64_t> integers;
  for (const Json& item : array.items()) integers.push_back(item.integer());
  return integers;
}

// `expected` is {"value": integer} or {"error": {...}}.
void ExpectOutcome(const absl::StatusOr<std::int64_t>& outcome,
                   const Json& expected) {
  if (const Json* value = expected.Find("value")) {
    ASSERT_TRUE(outcome.ok()) << outcome.status();
    EXPECT_EQ(*outcome, value->integer());
    return;
  }
  ASSERT_FALSE(outcome.ok()) << *outcome;
  EXPECT_EQ(outcome.status().code(), absl::StatusCode::kInvalidArgument);
  const std::string message(outcome.status().message());
  EXPECT_FALSE(message.empty());
  EXPECT_TRUE(MatchesMessage(expected["error"], message));
}

void ReplayPreDispatch(const Case& c) {
  const auto n_jobs = static_cast<int>(c.scenario["n_jobs"].integer());
  for (const Json& expression : c.scenario["expressions"].items()) {
    SCOPED_TRACE(expression.ToString());
    ExpectOutcome(internal::EvaluatePreDispatch(expression.text(), n_jobs),
                  c.expect[expression.text()]);
  }
}

void ReplayMemorySize(const Case& c) {
  for (const Json& text : c.scenario["texts"].items()) {
    SCOPED_TRACE(text.ToString());
    std::string why;
    const std::optional<std::int64_t> size =
        internal::ParseByteSize(text.text(), &why);
    if (size.has_value()) {
      ExpectOutcome(*size, c.expect[text.text()]);
    } else {
      ExpectOutcome(absl::InvalidArgumentError(why), c.expect[text.text()]);
    }
  }
}

void ReplayTime(const Case& c) {
  for (const Json& seconds : c.scenario["seconds"].items()) {
    EXPECT_EQ(internal::ShortFormatTime(seconds.number()),
              c.expect[seconds.ToString()].text());
  }
}

void ReplayVerbosity(const Case& c) {
  const auto verbose = static_cast<int>(c.scenario["verbose"].integer());
  std::vector<std::int64_t> printed;
  for (std::int64_t i = 0; i < c.scenario["up_to"].integer(); ++i) {
    if (!internal::SkipsLine(i, verbose)) printed.push_back(i);
  }
  EXPECT_EQ(printed, Integers(c.expect["printed"]));
}

void ReplayAutoBatch(const Case& c) {
  const Json* max_ideal = c.scenario.Find("max_ideal");
  AutoBatch auto_batch(max_ideal == nullptr ? internal::kMaxIdealBatchSeconds
                                            : max_ideal->number());
  Json::Items sizes;
  Json::Items messages;
  for (const Json& step : c.scenario["steps"].items()) {
    if (!step.is_text()) {
      const Json& size = step.items().at(0);
      auto_batch.Completed(size.is_text() ? auto_batch.size() : size.integer(),
                           step.items().at(1).number());
    } else if (step.text() == "reset") {
      auto_batch.Reset();
    } else {
      const AutoBatch::Advice advice = auto_batch.NextSize();
      sizes.push_back(Json::Integer(advice.size));
      if (!advice.message.empty()) {
        messages.push_back(Json::Text(advice.message));
      }
    }
  }
  EXPECT_EQ(Json::Array(sizes), c.expect["sizes"]);
  EXPECT_EQ(Json::Array(messages), c.expect["messages"]);
}

std::optional<std::int64_t> PreDispatch(const Json& parallel, int n_jobs) {
  const Json* option = parallel.Find("pre_dispatch");
  const Json value = option == nullptr ? Json::Text("2 * n_jobs") : *option;
  if (!value.is_text()) return static_cast<std::int64_t>(value.number());
  if (value.text() == "all") return std::nullopt;
  return internal::EvaluatePreDispatch(value.text(), n_jobs).value();
}

// The table's backend is one on which every task takes a while, so that the
// start of the call is over before the first batch completes.
void ReplaySlicing(const Case& c) {
  const Json& parallel = c.scenario["parallel"];
  const auto n_jobs = static_cast<int>(parallel["n_jobs"].integer());
  const Json* option = parallel.Find("batch_size");
  // "auto" is 1 on threads.
  const std::int64_t batch_size =
      option == nullptr || option->is_text() ? 1 : option->integer();
  Slicer slicer(n_jobs, PreDispatch(parallel, n_jobs));

  std::int64_t left = c.scenario["n_tasks"].integer();
  std::vector<std::int64_t> sent;
  for (Slicer::Reader reader :
       {Slicer::Reader::kStart, Slicer::Reader::kCompletion}) {
    while (true) {
      const std::int64_t got =
          std::min(slicer.NextRead(reader, batch_size), left);
      if (got == 0) break;
      left -= got;
      for (std::int64_t size : slicer.Cut(got)) sent.push_back(size);
    }
  }
  EXPECT_EQ(sent, Integers(c.expect["batches"]));
}

void Replay(const Case& c) {
  const std::string& kind = c.scenario["kind"].text();
  if (kind == "pre_dispatch") return ReplayPreDispatch(c);
  if (kind == "memory_size") return ReplayMemorySize(c);
  if (kind == "time") return ReplayTime(c);
  if (kind == "verbosity") return ReplayVerbosity(c);
  if (kind == "auto_batch") return ReplayAutoBatch(c);
  if (kind == "slicing") return ReplaySlicing(c);
  FAIL() << "no such kind: " << kind;
}

}  // namespace
}  // namespace joblib::conformance

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  joblib::conformance::RegisterReplay({
      .table = "functions.json",
      .replay = joblib::conformance::Replay,
      .committed = {.native = 52, .wasm = 52, .wasm_threads = 52},
  });
  return RUN_ALL_TESTS();
}
