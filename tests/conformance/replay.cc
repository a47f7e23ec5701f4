#include "tests/conformance/replay.h"

#include <cstddef>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <memory>
#include <optional>
#include <set>
#include <sstream>
#include <stdexcept>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "gtest/gtest-spi.h"
#include "tests/conformance/departures.h"
#include "tests/conformance/exclusions.h"
#include "tests/conformance/target.h"

namespace joblib::conformance {
namespace {

// ---- Tables ----

constexpr char kOtherFolder[] = "JOBLIB_CONFORMANCE_DIR";

bool ReplaysOtherTables() { return std::getenv(kOtherFolder) != nullptr; }

absl::StatusOr<std::string> ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return absl::NotFoundError(absl::StrCat("cannot open ", path));
  std::ostringstream text;
  // Fails for nothing at all, and for a folder.
  if (!(text << file.rdbuf())) {
    return absl::DataLossError(absl::StrCat("cannot read ", path));
  }
  return text.str();
}

// Of a table of ours: among the runfiles, or below the current folder.
std::string PathOfOurs(const std::string& table) {
  const std::string path = absl::StrCat("tests/conformance/tables/", table);
  const char* runfiles = std::getenv("TEST_SRCDIR");
  const char* workspace = std::getenv("TEST_WORKSPACE");
  if (runfiles == nullptr || workspace == nullptr) return path;
  return absl::StrCat(runfiles, "/", workspace, "/", path);
}

Json MemberOrNull(const Json& object, std::string_view key) {
  const Json* member = object.Find(key);
  return member == nullptr ? Json() : *member;
}

Case ReadCase(const Json& json) {
  Case c;
  c.id = json["id"].text();
  c.env = json["env"];
  c.machine = MemberOrNull(json, "machine");
  c.scenario = json["scenario"];
  c.expect = json["expect"];
  c.documented = MemberOrNull(json, "documented");
  if (c.documented.is_object()) c.expect = c.documented;
  return c;
}

absl::StatusOr<std::vector<Case>> ReadTable(const std::string& table) {
  const char* folder = std::getenv(kOtherFolder);
  const std::string path =
      folder == nullptr ? PathOfOurs(table) : absl::StrCat(folder, "/", table);
  const absl::StatusOr<std::string> text = ReadFile(path);
  if (!text.ok()) return text.status();
  const absl::StatusOr<Json> json = Json::Parse(*text);
  if (!json.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": ", json.status().message()));
  }
  std::vector<Case> cases;
  std::set<std::string> ids;
  try {
    for (const Json& item : json->items()) {
      cases.push_back(ReadCase(item));
      if (!ids.insert(cases.back().id).second) {
        throw std::logic_error(absl::StrCat("twice: ", cases.back().id));
      }
    }
  } catch (const std::logic_error& error) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": ", error.what()));
  }
  if (cases.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": no cases"));
  }
  return cases;
}

// ---- Tests ----

// A test whose body is a function.
class FunctionTest : public testing::Test {
 public:
  explicit FunctionTest(std::function<void()> body) : body_(std::move(body)) {}
  void TestBody() override { body_(); }

 private:
  std::function<void()> body_;
};

void Register(const std::string& suite, const std::string& name,
              std::function<void()> body) {
  testing::RegisterTest(suite.c_str(), name.c_str(), /*type_param=*/nullptr,
                        /*value_param=*/nullptr, __FILE__, __LINE__,
                        [body = std::move(body)]() -> testing::Test* {
                          return new FunctionTest(body);
                        });
}

bool Passes(const std::function<void(const Case&)>& replay, const Case& c) {
  testing::TestPartResultArray results;
  {
    testing::ScopedFakeTestPartResultReporter reporter(
        testing::ScopedFakeTestPartResultReporter::INTERCEPT_ALL_THREADS,
        &results);
    try {
      replay(c);
    } catch (...) {
      return false;
    }
  }
  for (int i = 0; i < results.size(); ++i) {
    if (!results.GetTestPartResult(i).passed()) return false;
  }
  return true;
}

bool RunsChosenTestsOnly() {
  return testing::GTEST_FLAG(filter) != "*" ||
         std::getenv("TESTBRIDGE_TEST_ONLY") != nullptr ||
         std::getenv("GTEST_TOTAL_SHARDS") != nullptr ||
         std::getenv("TEST_TOTAL_SHARDS") != nullptr;
}

int CountOf(const CommittedCounts& counts, Target target) {
  switch (target) {
    case Target::kNative:
      return counts.native;
    case Target::kWasm:
      return counts.wasm;
    case Target::kWasmThreads:
      return counts.wasm_threads;
  }
  return 0;
}

// Counts the cases of one table that were replayed, and compares at the end.
class Counter : public testing::Environment {
 public:
  Counter(std::string table, int committed)
      : table_(std::move(table)), committed_(committed) {}

  void CountReplayed() { ++n_replayed_; }
  void CountExcluded() { ++n_excluded_; }

  void SetUp() override { n_replayed_ = 0; }

  void TearDown() override {
    std::cout << table_ << ": " << n_replayed_ << " cases replayed on "
              << NameOf(CurrentTarget()) << ", " << n_excluded_ << " excluded"
              << std::endl;
    if (ReplaysOtherTables() || RunsChosenTestsOnly()) return;
    EXPECT_EQ(n_replayed_, committed_)
        << "cases of " << table_ << " replayed on " << NameOf(CurrentTarget())
        << ": correct the committed number if this is meant";
  }

 private:
  const std::string table_;
  const int committed_;
  int n_replayed_ = 0;
  int n_excluded_ = 0;
};

// What the tests of one table have in common; it lives as long as they do.
struct Replay {
  ReplayOptions options;
  std::string suite;  // "functions"
  Counter* counter;   // GoogleTest's.
};

void RegisterCase(const std::shared_ptr<const Replay>& replay, Case c,
                  std::string_view departure) {
  const std::string trace =
      absl::StrCat("scenario ", c.scenario.ToString(),
                   departure.empty() ? "" : "\nas ", departure);
  const std::string id = c.id;  // `c` moves away.
  Register(replay->suite, id, [replay, c = std::move(c), trace] {
    SCOPED_TRACE(trace);
    replay->options.replay(c);
    if (!testing::Test::IsSkipped()) replay->counter->CountReplayed();
  });
}

void RegisterExclusion(const std::shared_ptr<const Replay>& replay,
                       const Exclusion& exclusion, std::vector<Case> cases) {
  const auto check = [replay, &exclusion, cases = std::move(cases)] {
    if (cases.empty()) {
      // Other targets may exclude the same cases for another reason.
      if (!ReplaysOtherTables() && exclusion.table == replay->options.table &&
          exclusion.why != Exclusion::Why::kNoSuchMachine &&
          CurrentTarget() == Target::kNative) {
        FAIL() << "applies to no case: remove it";
      }
      return;
    }
    if (exclusion.why != Exclusion::Why::kNotBuiltYet) return;
    for (const Case& c : cases) {
      if (!Passes(replay->options.replay, c)) return;
    }
    FAIL() << "all its " << cases.size()
           << " cases pass by now: remove it (it said: " << exclusion.reason
           << ")";
  };
  Register(replay->suite + ".excluded", std::string(exclusion.name), check);
}

// A rule that applies nowhere is out of date.
void RegisterUnusedDeparture(const Replay& replay, const Departure& departure) {
  Register(replay.suite + ".departures", std::string(departure.reason),
           [] { FAIL() << "applies to no case: remove it"; });
}

// Whether `rule`, an exclusion or a departure, is one for `table`.
template <class Rule>
bool IsFor(const Rule& rule, const std::string& table) {
  return rule.table == table || rule.also == table;
}

// The exclusion that takes `c` out, or nullptr.
const Exclusion* FindExclusion(const std::string& table, const Case& c) {
  for (const Exclusion& exclusion : Exclusions()) {
    if (IsFor(exclusion, table) && exclusion.applies(c, CurrentTarget())) {
      return &exclusion;
    }
  }
  return nullptr;
}

// Lets the departures have their way with `c`; their reasons, or "".
std::string Depart(const std::string& table, Case& c,
                   std::set<const Departure*>& used) {
  std::string reasons;
  for (const Departure& departure : Departures()) {
    if (!IsFor(departure, table)) continue;
    std::optional<Json> expect = departure.expect(c, CurrentTarget());
    if (!expect.has_value()) continue;
    used.insert(&departure);
    c.expect = *std::move(expect);
    absl::StrAppend(&reasons, departure.decision, ": ", departure.reason, "\n");
  }
  return reasons;
}

// ---- Texts ----

// Beginnings of messages that come from Python itself.
constexpr std::string_view kPythonsOwn[] = {
    "'NoneType' object ",
    "Can't pickle ",
    "Exceeds the limit (4300 digits)",
    "Indices for islice()",
    "Stop argument for islice()",
    "cannot convert float ",
    "cannot pickle ",
    "int() argument ",
    "invalid literal for int()",
    "string index out of range",
    "unsupported operand type(s)",
};

bool IsPythonsOwn(std::string_view message) {
  for (std::string_view beginning : kPythonsOwn) {
    if (absl::StartsWith(message, beginning)) return true;
  }
  return false;
}

// The '<' before `end` that is not closed there: <f.<locals>.Class has it in
// front. npos: none.
std::size_t OpeningBracket(std::string_view text, std::size_t end) {
  int n_open = 1;
  while (end > 0) {
    --end;
    if (text[end] == '>') ++n_open;
    if (text[end] == '<' && --n_open == 0) return end;
  }
  return text.npos;
}

// `text` with each <module.Class object at <ADDR>> replaced by Class.
std::string WithClassNames(std::string_view text) {
  constexpr std::string_view kTail = " object at <ADDR>>";
  std::string result;
  for (std::size_t tail = text.find(kTail); tail != text.npos;
       tail = text.find(kTail)) {
    const std::size_t start = OpeningBracket(text, tail);
    if (start == text.npos) break;
    std::string_view name = text.substr(start + 1, tail - start - 1);
    if (const std::size_t dot = name.rfind('.'); dot != name.npos) {
      name.remove_prefix(dot + 1);
    }
    absl::StrAppend(&result, text.substr(0, start), name);
    text.remove_prefix(tail + kTail.size());
  }
  return absl::StrCat(result, text);
}

// Removes the characters that `is` likes off the front of `text`; how many?
template <typename Predicate>
std::size_t TakeWhile(std::string_view& text, Predicate is) {
  std::size_t n = 0;
  while (n < text.size() && is(text[n])) ++n;
  text.remove_prefix(n);
  return n;
}

bool TakeTime(std::string_view& text) {
  TakeWhile(text, [](char c) { return c == ' '; });
  const bool has_digits = TakeWhile(text, [](char c) {
                            return absl::ascii_isdigit(c) || c == '.';
                          }) > 0;
  return has_digits &&
         (absl::ConsumePrefix(&text, "s") || absl::ConsumePrefix(&text, "min"));
}

bool TakeInteger(std::string_view& text) {
  return TakeWhile(text, absl::ascii_isdigit) > 0;
}

bool TakeHex(std::string_view& text) {
  absl::ConsumePrefix(&text, "0x");
  return TakeWhile(text, absl::ascii_isxdigit) > 0;
}

struct Placeholder {
  std::string_view name;
  // Removes such a value off the front of a text; false if there is none.
  bool (*take)(std::string_view&);
};

constexpr Placeholder kPlaceholders[] = {
    {"<T>", TakeTime},   {"<N>", TakeInteger}, {"<PID>", TakeInteger},
    {"<ADDR>", TakeHex}, {"<HEX32>", TakeHex},
};

bool Matches(std::string_view expected, std::string_view text, bool may_go_on) {
  while (!expected.empty()) {
    bool is_placeholder = false;
    for (const Placeholder& placeholder : kPlaceholders) {
      if (!absl::ConsumePrefix(&expected, placeholder.name)) continue;
      if (!placeholder.take(text)) return false;
      is_placeholder = true;
      break;
    }
    if (is_placeholder) continue;
    if (text.empty() || text.front() != expected.front()) return false;
    text.remove_prefix(1);
    expected.remove_prefix(1);
  }
  return text.empty() || may_go_on;
}

}  // namespace

void RegisterReplay(ReplayOptions options) {
  const std::string table = options.table;
  const std::string suite(absl::StripSuffix(table, ".json"));
  const absl::StatusOr<std::vector<Case>> cases = ReadTable(table);
  if (!cases.ok()) {
    Register(suite, "TableCanBeRead",
             [status = cases.status()] { FAIL() << status; });
    return;
  }

  auto* counter =
      new Counter(table, CountOf(options.committed, CurrentTarget()));
  testing::AddGlobalTestEnvironment(counter);
  const auto replay = std::make_shared<const Replay>(
      Replay{std::move(options), suite, counter});

  std::vector<std::pair<const Exclusion*, std::vector<Case>>> groups;
  for (const Exclusion& exclusion : Exclusions()) {
    if (IsFor(exclusion, table)) groups.push_back({&exclusion, {}});
  }
  std::set<const Departure*> used;
  for (Case c : *cases) {
    const std::string reasons = Depart(table, c, used);
    const Exclusion* exclusion = FindExclusion(table, c);
    if (exclusion == nullptr) {
      RegisterCase(replay, std::move(c), reasons);
      continue;
    }
    counter->CountExcluded();
    for (auto& [group, members] : groups) {
      if (group == exclusion) members.push_back(c);
    }
  }
  for (auto& [exclusion, members] : groups) {
    RegisterExclusion(replay, *exclusion, std::move(members));
  }
  for (const Departure& departure : Departures()) {
    if (departure.table != table || used.contains(&departure)) continue;
    if (!ReplaysOtherTables()) RegisterUnusedDeparture(*replay, departure);
  }
}

testing::AssertionResult MatchesMessage(const Json& error,
                                        std::string_view message) {
  const std::string& expected = error["message"].text();
  if (IsPythonsOwn(expected)) return testing::AssertionSuccess();
  return MatchesText(expected, message, /*may_go_on=*/true);
}

testing::AssertionResult MatchesText(std::string_view expected,
                                     std::string_view text, bool may_go_on) {
  if (Matches(WithClassNames(expected), text, may_go_on)) {
    return testing::AssertionSuccess();
  }
  return testing::AssertionFailure()
         << "expected" << (may_go_on ? " to begin with" : "") << ":\n  "
         << WithClassNames(expected) << "\ngot:\n  " << text;
}

}  // namespace joblib::conformance
