#include "tests/conformance/departures.h"

#include <algorithm>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <iterator>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace joblib::conformance {
namespace {

Json InvalidSize(std::string_view text, std::string_view why) {
  const std::string message = absl::StrCat(
      "Invalid literal for size give: ", text,
      " (type <class 'str'>) should be alike '10G', '500M', '50K'. ", why);
  return Json::Object({{"error", Json::Object({
                                     {"type", Json::Text("ValueError")},
                                     {"message", Json::Text(message)},
                                 })}});
}

std::optional<Json> RefusesSizesOutOfRange(const Case& c, Target) {
  if (c.scenario["kind"].text() != "memory_size") return std::nullopt;
  bool departs = false;
  Json::Members expect = c.expect.members();
  for (auto& [text, outcome] : expect) {
    const Json* value = outcome.Find("value");
    if (value == nullptr) continue;
    const std::string digits = value->ToString();
    std::int64_t unused = 0;
    if (absl::StartsWith(digits, "-")) {
      outcome = InvalidSize(text, "A size cannot be negative.");
    } else if (!absl::SimpleAtoi(digits, &unused)) {
      outcome = InvalidSize(text, "The largest size is '8589934591G'.");
    } else {
      continue;
    }
    departs = true;
  }
  if (!departs) return std::nullopt;
  return Json::Object(std::move(expect));
}

// ---- What comes out of scopes and options ----

Json UserWarning(const std::string& message) {
  return Json::Object({{"category", Json::Text("UserWarning")},
                       {"message", Json::Text(message)}});
}

// `looks` is what is expected of one look at a Parallel, or holds several of
// them by label: `edit` changes one, and says whether it did.
bool EditLooks(Json& looks, const std::function<bool(Json& look)>& edit) {
  const Json* observations = looks.Find("observations");
  if (observations == nullptr) return edit(looks);
  bool edited = false;
  Json::Members members = observations->members();
  for (auto& [label, look] : members) edited |= label != "error" && edit(look);
  looks = With(looks, "observations", Json::Object(std::move(members)));
  return edited;
}

bool Truncate(Json& look, std::string_view key) {
  const Json* value = look.Find(key);
  if (value == nullptr || value->kind() != Json::Kind::kFloating) return false;
  look = With(look, key,
              Json::Integer(static_cast<std::int64_t>(value->number())));
  return true;
}

std::optional<Json> EffectiveNJobsIsAnInteger(const Case& c, Target) {
  Json expect = c.expect;
  const bool departs = EditLooks(expect, [](Json& look) {
    return Truncate(look, "effective_n_jobs_of_none");
  });
  if (!departs) return std::nullopt;
  return expect;
}

std::optional<Json> EachEffectiveNJobsIsAnInteger(const Case& c, Target) {
  Json::Members expect = c.expect.members();
  bool departs = false;
  for (auto& [label, answer] : expect) departs |= Truncate(answer, "value");
  if (!departs) return std::nullopt;
  return Json::Object(std::move(expect));
}

// The value of an option that the Parallel of a scenario sees; else null.
Json OptionOf(const Json& scenario, std::string_view key) {
  Json value;
  const Json* scopes = scenario.Find("scopes");
  if (scopes == nullptr) return value;
  for (const Json& scope : scopes->items()) {
    if (const Json* option = scope["options"].Find(key)) value = *option;
  }
  if (const Json* option = scenario["parallel"].Find(key)) value = *option;
  return value;
}

// The look at a Parallel that is refused with `message`; unset if it is refused
// before that anyway.
std::optional<Json> Refused(const Json& look, const std::string& message) {
  if (const Json* error = look.Find("error")) {
    if ((*error)["stage"] != Json::Text("Parallel")) return std::nullopt;
    for (std::string_view earlier : {"prefer", "require", "Invalid literal"}) {
      if (absl::StartsWith((*error)["message"].text(), earlier)) {
        return std::nullopt;
      }
    }
  }
  Json refused = look;
  for (std::string_view key : {"parallel", "effective_n_jobs", "started"}) {
    refused = Without(refused, key);
  }
  return With(refused, "error",
              Json::Object({{"type", Json::Text("ValueError")},
                            {"message", Json::Text(message)},
                            {"stage", Json::Text("Parallel")}}));
}

std::optional<Json> RefusesMmapModes(const Case& c, Target) {
  const Json mode = OptionOf(c.scenario, "mmap_mode");
  if (mode.is_null()) return std::nullopt;
  for (std::string_view known : {"r", "r+", "w+", "c"}) {
    if (mode == Json::Text(known)) return std::nullopt;
  }
  return Refused(
      c.expect,
      absl::StrCat("mmap_mode must be one of 'r', 'r+', 'w+', 'c' or None, "
                   "got: '",
                   mode.text(), "'"));
}

std::optional<Json> RefusesNegativeSizes(const Case& c, Target) {
  const Json size = OptionOf(c.scenario, "max_nbytes");
  if (size.kind() != Json::Kind::kInteger || size.integer() >= 0) {
    return std::nullopt;
  }
  return Refused(c.expect, absl::StrCat("max_nbytes must be at least 0, got: ",
                                        size.integer()));
}

struct BuiltIn {
  std::string_view name;
  std::string_view class_name;
  std::vector<std::string_view> params;
  std::string_view known;  // As the warning tells them.
};

const BuiltIn* FindBuiltIn(std::string_view BuiltIn::*field,
                           std::string_view value) {
  static const auto& table = *new std::vector<BuiltIn>{
      {"sequential", "SequentialBackend", {}, "It has none at all."},
      {"threading",
       "ThreadingBackend",
       {"caller_runs"},
       "It has 'caller_runs'."},
      {"multiprocessing", "MultiprocessingBackend", {}, "It has none at all."},
      {"loky",
       "LokyBackend",
       {"idle_worker_timeout", "initializer", "timeout"},
       "It has 'idle_worker_timeout', 'initializer'."},
  };
  for (const BuiltIn& built_in : table) {
    if (built_in.*field == value) return &built_in;
  }
  return nullptr;
}

// In the order of their names, as the library warns.
void WarnOfUnknown(const BuiltIn& backend, std::set<std::string> params,
                   Json::Items& warnings) {
  for (const std::string_view known : backend.params) {
    params.erase(std::string(known));
  }
  for (const std::string& name : params) {
    warnings.push_back(UserWarning(absl::StrCat(
        "The backend class '", backend.class_name, "' has no parameter '", name,
        "'; it will not be used. ", backend.known)));
  }
}

// The names of the backend_params among `options`: what has no field.
std::set<std::string> ParamsIn(const Json& options,
                               std::initializer_list<std::string_view> more) {
  static constexpr std::string_view kFields[] = {
      "backend",   "n_jobs", "verbose", "temp_folder",          "max_nbytes",
      "mmap_mode", "prefer", "require", "inner_max_num_threads"};
  std::set<std::string> names;
  for (const auto& [key, value] : options.members()) {
    if (key == "backend_params") {
      for (const auto& [name, param] : value.members()) names.insert(name);
    } else if (std::count(std::begin(kFields), std::end(kFields), key) == 0 &&
               std::count(more.begin(), more.end(), key) == 0) {
      names.insert(key);
    }
  }
  return names;
}

std::optional<Json> WarnsOfUnknownParams(const Case& c, Target) {
  const Json* scopes = c.scenario.Find("scopes");
  if (scopes == nullptr) return std::nullopt;
  Json::Items warnings;
  for (const Json& scope : scopes->items()) {
    const Json& options = scope["options"];
    const Json* backend = options.Find("backend");
    if (backend == nullptr || !backend->is_text()) continue;
    if (const BuiltIn* built_in =
            FindBuiltIn(&BuiltIn::name, backend->text())) {
      WarnOfUnknown(*built_in, ParamsIn(options, {}), warnings);
    }
  }
  const Json* parallel = c.expect.Find("parallel");
  const BuiltIn* built_in =
      parallel == nullptr
          ? nullptr
          : FindBuiltIn(&BuiltIn::class_name, (*parallel)["backend"].text());
  if (built_in != nullptr) {
    WarnOfUnknown(
        *built_in,
        ParamsIn(c.scenario["parallel"],
                 {"timeout", "batch_size", "pre_dispatch", "return_as"}),
        warnings);
  }
  if (warnings.empty()) return std::nullopt;
  for (const Json& warning : c.expect["warnings"].items()) {
    warnings.push_back(warning);
  }
  return With(c.expect, "warnings", Json::Array(std::move(warnings)));
}

std::optional<Json> InnerThreadsOfParallelWork(const Case& c, Target) {
  const Json* parallel = c.expect.Find("parallel");
  if (parallel == nullptr) return std::nullopt;
  const Json& extra = (*parallel)["extra"];
  const Json* inner = extra.Find("inner_max_num_threads");
  if (inner == nullptr) return std::nullopt;
  Json expected =
      With(*parallel, "extra", Without(extra, "inner_max_num_threads"));
  if (inner->is_null()) return With(c.expect, "parallel", expected);
  expected = With(expected, "inner_max_num_threads", *inner);
  Json expect = With(c.expect, "parallel", expected);
  const BuiltIn* built_in =
      FindBuiltIn(&BuiltIn::class_name, (*parallel)["backend"].text());
  if (built_in == nullptr || built_in->name == "loky") return expect;
  Json::Items warnings = expect["warnings"].items();
  warnings.insert(
      warnings.begin(),
      UserWarning(absl::StrCat(
          "The backend class '", built_in->class_name,
          "' does not support inner_max_num_threads: only the workers of "
          "'loky' start with thread limits. It will not be used.")));
  return With(expect, "warnings", Json::Array(std::move(warnings)));
}

// ---- Calls that run tasks ----

// `call` as nesting.json describes one, and the calls of its tasks.
Json RunsInTheSameProcess(const Json& call) {
  const Json* tasks = call.Find("tasks");
  if (tasks == nullptr || !tasks->is_object()) return call;
  Json task = *tasks;
  if (call["used_backend"] == Json::Text("ThreadingBackend")) {
    task = With(task, "runs_in", Json::Text("same process"));
  }
  if (const Json* inner = task.Find("call")) {
    task = With(task, "call", RunsInTheSameProcess(*inner));
  }
  return With(call, "tasks", task);
}

std::optional<Json> TheCallerTakesPart(const Case& c, Target) {
  Json expect = RunsInTheSameProcess(c.expect);
  if (expect == c.expect) return std::nullopt;
  return expect;
}

std::optional<Json> RefusesToReadNothing(const Case& c, Target) {
  if (c.documented != Json::Text("unspecified: refuse it")) {
    return std::nullopt;
  }
  const Json& value = c.scenario["parallel"]["pre_dispatch"];
  const std::string message = absl::StrCat(
      "pre_dispatch must let at least one task be read, got: ",
      value.is_text() ? absl::StrCat("'", value.text(), "'")
                      : value.ToString());
  return Json::Object({{"error", Json::Object({
                                     {"type", Json::Text("ValueError")},
                                     {"message", Json::Text(message)},
                                 })}});
}

std::optional<Json> WaitsForRunningTasks(const Case& c, Target) {
  const Json& options = c.scenario["parallel"];
  const Json* backend = options.Find("backend");
  const Json* early = c.expect.Find("returned_early");
  if (backend == nullptr || *backend != Json::Text("threading") ||
      options.Find("timeout") != nullptr || early == nullptr ||
      !early->boolean()) {
    return std::nullopt;
  }
  return With(c.expect, "returned_early", Json::Boolean(false));
}

constexpr Departure kDepartures[] = {
    {"functions.json", "DESIGN 8.10",
     "A size that is negative or beyond 64 bits cannot be honoured: it is "
     "refused early, where joblib takes it to no purpose.",
     RefusesSizesOutOfRange},
    {"resolve.json", "DESIGN 1",
     "A fractional n_jobs is rounded toward zero wherever it is used, in "
     "effective_n_jobs too: its result is an integer.",
     EffectiveNJobsIsAnInteger, "config_params.json"},
    {"effective_n_jobs.json", "DESIGN 1",
     "A fractional n_jobs is rounded toward zero wherever it is used, in "
     "effective_n_jobs too: its result is an integer.",
     EachEffectiveNJobsIsAnInteger},
    {"resolve.json", "DESIGN 8.10",
     "A max_nbytes below zero cannot be honoured: it is refused early.",
     RefusesNegativeSizes, "config_params.json"},
    {"resolve.json", "DESIGN 8.10",
     "An mmap_mode that does not exist is refused early, where joblib takes it "
     "and fails in the worker.",
     RefusesMmapModes, "config_params.json"},
    {"resolve.json", "DESIGN 8.10",
     "A parameter that a built-in backend does not know is warned of, with "
     "those that it knows.",
     WarnsOfUnknownParams, "config_params.json"},
    {"resolve.json", "DESIGN 1",
     "inner_max_num_threads given to Parallel works, where joblib takes and "
     "ignores it; a backend that cannot honour it is warned of (8.10).",
     InnerThreadsOfParallelWork, "config_params.json"},
    {"nesting.json", "DESIGN 8.1",
     "The calling thread is one of the workers of threading: which thread of "
     "the process runs a task is open.",
     TheCallerTakesPart},
    {"dispatch.json", "DESIGN 8.9",
     "A pre_dispatch that lets nothing be read is refused, where joblib runs "
     "nothing and says nothing.",
     RefusesToReadNothing},
    {"errors.json", "DESIGN 8.2",
     "After an error on threads the call waits for the tasks that run: what "
     "they hold stays valid. Only a timeout comes back early.",
     WaitsForRunningTasks},
};

}  // namespace

absl::Span<const Departure> Departures() { return kDepartures; }

}  // namespace joblib::conformance
