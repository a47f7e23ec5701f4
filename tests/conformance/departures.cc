#include "tests/conformance/departures.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
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
#include "absl/strings/strip.h"
#include "tests/conformance/call_departures.h"
#include "tests/conformance/memmap_departures.h"

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

bool TurnsMultiprocessingOff(const Case& c) {
  const Json* value = c.env.Find("JOBLIB_MULTIPROCESSING");
  return value != nullptr && *value == Json::Text("0");
}

// What effective_n_jobs gives for a fractional n_jobs, where joblib's answer is
// {"value": `joblibs`}; unset where that holds.
std::optional<Json> OfWholeJobs(const Json& n_jobs, const Json& joblibs,
                                const Case& c) {
  if (n_jobs.kind() != Json::Kind::kFloating) return std::nullopt;
  const bool is_fraction = joblibs.kind() == Json::Kind::kFloating;
  if (std::trunc(n_jobs.number()) == 0) {
    const Json backend = InnermostScopeOption(c.scenario, "backend");
    // Else a hint has forced one job.
    if (!is_fraction && backend != Json::Text("sequential") &&
        !TurnsMultiprocessingOff(c)) {
      return std::nullopt;
    }
    return Json::Object(
        {{"error",
          Json::Object({{"type", Json::Text("ValueError")},
                        {"message", Json::Text("n_jobs == 0 in Parallel has no "
                                               "meaning")}})}});
  }
  if (!is_fraction) return std::nullopt;
  const double whole = n_jobs.number() < 0 ? std::ceil(joblibs.number())
                                           : std::floor(joblibs.number());
  return Json::Object(
      {{"value", Json::Integer(static_cast<std::int64_t>(whole))}});
}

std::optional<Json> NoneIsOfWholeJobs(const Case& c, Target) {
  constexpr std::string_view kKey = "effective_n_jobs_of_none";
  const Json* of_none = c.expect.Find(kKey);
  if (of_none == nullptr || of_none->is_object()) return std::nullopt;
  const auto whole =
      OfWholeJobs(InnermostScopeOption(c.scenario, "n_jobs"), *of_none, c);
  if (!whole.has_value()) return std::nullopt;
  const Json* value = whole->Find("value");
  return With(c.expect, kKey, value != nullptr ? *value : *whole);
}

std::optional<Json> EachIsOfWholeJobs(const Case& c, Target) {
  Json expect = c.expect;
  bool departs = false;
  for (const auto& [label, asked] : c.scenario["n_jobs"].members()) {
    const Json* value = expect[label].Find("value");
    if (value == nullptr || label == "unset") continue;
    const Json n_jobs =
        asked.is_null() ? InnermostScopeOption(c.scenario, "n_jobs") : asked;
    const auto whole = OfWholeJobs(n_jobs, *value, c);
    if (!whole.has_value()) continue;
    Json answer = Without(expect[label], "value");
    for (const auto& [key, member] : whole->members()) {
      answer = With(answer, key, member);
    }
    expect = With(expect, label, std::move(answer));
    departs = true;
  }
  if (!departs) return std::nullopt;
  return expect;
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

// What name stands for in the environment of `c`; "": no warning of it.
std::string_view MissingHere(const Case& c, const Json* backend) {
  if (!TurnsMultiprocessingOff(c) || backend == nullptr) return "";
  for (std::string_view name : {"loky", "multiprocessing"}) {
    if (*backend == Json::Text(name)) return name;
  }
  return "";
}

// The warnings of a case, in the library's order: for each scope, then for its
// Parallel, joblib's own that a backend is missing (once for each name), and
// those that `of_scope` and `of_parallel` add; then joblib's at the start.
struct MoreWarnings {
  std::function<void(const Json& options, Json::Items&)> of_scope;
  std::function<void(const Json& options, Json::Items&)> of_parallel;
};
Json::Items WarningsOf(const Case& c, const MoreWarnings& more) {
  const Json::Items& joblibs = c.expect["warnings"].items();
  auto next = joblibs.begin();
  Json::Items warnings;
  std::set<std::string_view> missing;
  const auto pass_missing = [&](const Json& options) {
    const std::string_view name = MissingHere(c, options.Find("backend"));
    if (name.empty() || !missing.insert(name).second) return;
    if (next != joblibs.end()) warnings.push_back(*next++);
  };
  std::size_t n_scopes = c.scenario["scopes"].items().size();
  const Json* error = c.expect.Find("error");
  if (error != nullptr) {
    std::string_view stage = (*error)["stage"].text();
    if (absl::ConsumePrefix(&stage, "scope[")) {
      absl::ConsumeSuffix(&stage, "]");
      if (!absl::SimpleAtoi(stage, &n_scopes)) n_scopes = 0;
    }
  }
  for (std::size_t i = 0; i < n_scopes; ++i) {
    const Json& options = c.scenario["scopes"].items()[i]["options"];
    pass_missing(options);
    if (more.of_scope) more.of_scope(options, warnings);
  }
  if (error == nullptr && more.of_parallel) {
    pass_missing(c.scenario["parallel"]);
    more.of_parallel(c.scenario["parallel"], warnings);
  }
  if (error == nullptr || more.of_parallel) {
    warnings.insert(warnings.end(), next, joblibs.end());
  }
  return warnings;
}

// The look at a Parallel that is refused with `message` before its backend is
// made; unset if it is refused even earlier anyway.
std::optional<Json> Refused(const Case& c, const std::string& message) {
  if (const Json* error = c.expect.Find("error")) {
    if ((*error)["stage"] != Json::Text("Parallel")) return std::nullopt;
    for (std::string_view earlier :
         {"prefer", "require", "Invalid literal", "max_nbytes"}) {
      if (absl::StartsWith((*error)["message"].text(), earlier)) {
        return std::nullopt;
      }
    }
  }
  Case refused = c;
  for (std::string_view key : {"parallel", "effective_n_jobs", "started"}) {
    refused.expect = Without(refused.expect, key);
  }
  refused.expect = With(refused.expect, "error",
                        Json::Object({{"type", Json::Text("ValueError")},
                                      {"message", Json::Text(message)},
                                      {"stage", Json::Text("Parallel")}}));
  return With(refused.expect, "warnings", Json::Array(WarningsOf(refused, {})));
}

std::optional<Json> RefusesMmapModes(const Case& c, Target) {
  const Json mode = OptionOf(c.scenario, "mmap_mode");
  if (mode.is_null()) return std::nullopt;
  for (std::string_view known : {"r", "r+", "w+", "c"}) {
    if (mode == Json::Text(known)) return std::nullopt;
  }
  return Refused(
      c, absl::StrCat("mmap_mode must be one of 'r', 'r+', 'w+', 'c' or None, "
                      "got: '",
                      mode.text(), "'"));
}

std::optional<Json> RefusesNegativeSizes(const Case& c, Target) {
  const Json size = OptionOf(c.scenario, "max_nbytes");
  if (size.kind() != Json::Kind::kInteger || size.integer() >= 0) {
    return std::nullopt;
  }
  return Refused(
      c, absl::StrCat("max_nbytes must be at least 0, got: ", size.integer()));
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

// Python's pool fails, at the start, of a parameter that is warned of here.
Json Started(const Json& expect) {
  const Json* started = expect.Find("started");
  const Json* error = started == nullptr || !started->is_object()
                          ? nullptr
                          : started->Find("error");
  if (error == nullptr || (*error)["type"] != Json::Text("TypeError")) {
    return expect;
  }
  return With(expect, "started",
              Json::Object({{"backend", expect["parallel"]["backend"]},
                            {"n_jobs", expect["effective_n_jobs"]}}));
}

std::optional<Json> WarnsOfUnknownParams(const Case& c, Target) {
  if (c.scenario.Find("scopes") == nullptr) return std::nullopt;
  const MoreWarnings more = {
      .of_scope =
          [&c](const Json& options, Json::Items& warnings) {
            const Json* backend = options.Find("backend");
            if (backend == nullptr || !backend->is_text()) return;
            const BuiltIn* built_in = FindBuiltIn(
                &BuiltIn::name, MissingHere(c, backend).empty()
                                    ? std::string_view(backend->text())
                                    : "threading");
            if (built_in == nullptr) return;
            WarnOfUnknown(*built_in, ParamsIn(options, {}), warnings);
          },
      .of_parallel =
          [&c](const Json& options, Json::Items& warnings) {
            const BuiltIn* built_in = FindBuiltIn(
                &BuiltIn::class_name, c.expect["parallel"]["backend"].text());
            if (built_in == nullptr) return;
            WarnOfUnknown(*built_in,
                          ParamsIn(options, {"timeout", "batch_size",
                                             "pre_dispatch", "return_as"}),
                          warnings);
          }};
  Json warnings = Json::Array(WarningsOf(c, more));
  if (warnings == c.expect["warnings"]) return std::nullopt;
  Json expect = With(c.expect, "warnings", std::move(warnings));
  return Started(expect);
}

std::optional<Json> InnerThreadsOfParallelWork(const Case& c, Target) {
  const Json* parallel = c.expect.Find("parallel");
  if (parallel == nullptr) return std::nullopt;
  const Json& extra = (*parallel)["extra"];
  const Json* inner = extra.Find("inner_max_num_threads");
  if (inner == nullptr) return std::nullopt;
  Json expected =
      With(*parallel, "extra", Without(extra, "inner_max_num_threads"));
  if (inner->is_null()) return Started(With(c.expect, "parallel", expected));
  expected = With(expected, "inner_max_num_threads", *inner);
  Json expect = With(c.expect, "parallel", expected);
  const BuiltIn* built_in =
      FindBuiltIn(&BuiltIn::class_name, (*parallel)["backend"].text());
  if (built_in == nullptr || built_in->name == "loky") return expect;
  // Before those of the start.
  Json::Items warnings = expect["warnings"].items();
  const auto of_the_start =
      std::find_if(warnings.begin(), warnings.end(), [](const Json& warning) {
        return absl::StrContains(warning["message"].text(),
                                 "does not support timeout");
      });
  warnings.insert(
      of_the_start,
      UserWarning(absl::StrCat(
          "The backend class '", built_in->class_name,
          "' does not support inner_max_num_threads: only the workers of "
          "'loky' start with thread limits. It will not be used.")));
  return Started(With(expect, "warnings", Json::Array(std::move(warnings))));
}

constexpr Departure kDepartures[] = {
    {"functions.json", "DESIGN 8.10",
     "A size that is negative or beyond 64 bits cannot be honoured: it is "
     "refused early, where joblib takes it to no purpose.",
     RefusesSizesOutOfRange},
    {"resolve.json", "DESIGN 1",
     "A fractional n_jobs is rounded toward zero wherever it is used, in "
     "effective_n_jobs too: its result is an integer.",
     NoneIsOfWholeJobs, "config_params.json"},
    {"effective_n_jobs.json", "DESIGN 1",
     "A fractional n_jobs is rounded toward zero wherever it is used, in "
     "effective_n_jobs too: its result is an integer.",
     EachIsOfWholeJobs},
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
    {"errors.json", "C++",
     "A worker's death is told with joblib's words up to the exit code, of "
     "which C++ knows each; what follows about Python's faulthandler is ours.",
     TellsOfDeathsInOwnWords},
    {"errors.json", "DESIGN 2",
     "On multiprocessing a dead worker is an error, where joblib hangs until "
     "its timeout.",
     ADeadForkIsAnError},
    {"errors.json", "DESIGN 2",
     "Arguments reach multiprocessing's workers by fork, whatever they are.",
     ForksTakeAnyArgument},
    {"errors.json", "DESIGN 2",
     "A result that cannot travel is a PicklingError, where it is Python's own "
     "TypeError or multiprocessing's MaybeEncodingError.",
     ResultsThatCannotTravel},
    {"errors.json", "DESIGN 2",
     "An exception of a type that nobody registered is a RemoteError with its "
     "text, where joblib's pool breaks if it cannot rebuild it.",
     UnknownErrorsAreRemote},
    {"lifecycle.json", "DESIGN 8.14",
     "A worker is replaced only when what it ran had to be killed, or where "
     "its "
     "environment or idle_worker_timeout differ; joblib replaces the pool "
     "after "
     "any error, and when max_nbytes, mmap_mode or verbose > 50 change.",
     KeepsWorkers},
    {"memmap.json", "DESIGN 3",
     "Files for workers have no names: of the place the folder is compared "
     "that was chosen, and the data begin at its file's first byte.",
     FilesHaveNoNames},
    {"memmap.json", "DESIGN 3",
     "One copy of an array serves all calls, however many Parallels.",
     OneCopyForAllCalls},
    {"memmap.json", "DESIGN 3", "A view of a map is one in any layout.",
     ViewsOfMapsAreMaps},
    {"memmap.json", "DESIGN 3",
     "A result that is no map is the caller's to write to.",
     ResultsAreWriteable},
    {"memmap.json", "DESIGN 8.9",
     "mmap_mode=None means no maps, and an unknown one is refused early; "
     "joblib "
     "fails in the worker.",
     ModesMeanWhatTheySay},
};

}  // namespace

absl::Span<const Departure> Departures() { return kDepartures; }

}  // namespace joblib::conformance
