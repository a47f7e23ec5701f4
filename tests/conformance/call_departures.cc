#include "tests/conformance/call_departures.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"

namespace joblib::conformance {
namespace {

// `call` as nesting.json describes one, and the calls of its tasks.
Json RunsInTheSameProcess(const Json& call) {
  const Json* tasks = call.Find("tasks");
  if (tasks == nullptr || !tasks->is_object()) return call;
  Json task = *tasks;
  if (call["used_backend"] == Json::Text("ThreadingBackend") &&
      task["runs_in"] == Json::Text("other thread")) {
    task = With(task, "runs_in", Json::Text("same process"));
  }
  if (const Json* inner = task.Find("call")) {
    task = With(task, "call", RunsInTheSameProcess(*inner));
  }
  return With(call, "tasks", task);
}

// Of errors.json, the case's error with another type or message.
Json WithError(const Case& c, std::string_view type, std::string_view message) {
  return With(c.expect, "error",
              Json::Object({{"type", Json::Text(type)},
                            {"message", Json::Text(message)}}));
}

// The tasks of a scenario of errors.json have this "op" among them.
bool HasOp(const Case& c, std::string_view op) {
  for (const Json& task : c.scenario["tasks"].items()) {
    if (task["op"].text() == op) return true;
  }
  return false;
}

std::string_view BackendOf(const Case& c) {
  const Json* backend = c.scenario["parallel"].Find("backend");
  return backend == nullptr ? "loky" : std::string_view(backend->text());
}

constexpr std::string_view kDeath =
    "A worker process managed by the executor was unexpectedly terminated.";

// A step of lifecycle.json without the options that may differ from call to
// call on the same workers.
Json WorkersOf(const Json& step) {
  Json options = step["parallel"];
  for (std::string_view key : {"backend", "verbose", "max_nbytes", "mmap_mode",
                               "temp_folder", "prefer", "timeout"}) {
    options = Without(options, key);
  }
  const Json* scopes = step.Find("scopes");
  return Json::Object(
      {{"options", options}, {"scopes", scopes == nullptr ? Json() : *scopes}});
}

// How many workers the tasks of a step that fails cost us.
int CostOf(const Json& step) {
  const Json* tasks = step.Find("tasks");
  if (tasks == nullptr) return 0;
  return tasks->items().front()["op"] == Json::Text("raise") ? 0 : 1;
}

}  // namespace

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
  const std::string message =
      absl::StrCat("pre_dispatch must let at least one task be read, got: ",
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

std::optional<Json> TellsOfDeathsInOwnWords(const Case& c, Target) {
  const Json* error = c.expect.Find("error");
  if (error == nullptr ||
      (*error)["type"] != Json::Text("TerminatedWorkerError")) {
    return std::nullopt;
  }
  const std::string& message = (*error)["message"].text();
  return WithError(c, "TerminatedWorkerError",
                   absl::StrReplaceAll(
                       message.substr(0, message.find("\nDetailed tracebacks")),
                       {{"UNKNOWN(", "EXIT("}}));
}

std::optional<Json> ADeadForkIsAnError(const Case& c, Target) {
  if (BackendOf(c) != "multiprocessing" || !HasOp(c, "signal")) {
    return std::nullopt;
  }
  return WithError(c, "TerminatedWorkerError", kDeath);
}

std::optional<Json> ForksTakeAnyArgument(const Case& c, Target) {
  if (BackendOf(c) != "multiprocessing" || !HasOp(c, "take")) {
    return std::nullopt;
  }
  return With(Without(c.expect, "error"), "results",
              Json::Array({Json::Text("taken"), Json::Integer(1)}));
}

std::optional<Json> ResultsThatCannotTravel(const Case& c, Target) {
  if (!HasOp(c, "return_unpicklable")) return std::nullopt;
  return WithError(c, "PicklingError", "");
}

std::optional<Json> UnknownErrorsAreRemote(const Case& c, Target) {
  if (BackendOf(c) != "loky") return std::nullopt;
  for (const Json& task : c.scenario["tasks"].items()) {
    if (task["op"].text() != "raise") continue;
    if (task["type"].text() != "TwoArgsError") continue;
    return WithError(c, "RemoteError",
                     absl::StrCat(task["args"].items().at(0).text(), " and ",
                                  task["args"].items().at(1).text()));
  }
  return std::nullopt;
}

std::optional<Json> KeepsWorkers(const Case& c, Target) {
  const Json::Items& steps = c.scenario["steps"].items();
  Json::Items expect = c.expect["steps"].items();
  bool departs = false;
  for (std::size_t i = 1; i < steps.size(); ++i) {
    const bool fails = expect[i].Find("error") != nullptr;
    const Json* executor = expect[i].Find("executor");
    if (!fails && (executor == nullptr || *executor != Json::Text("new") ||
                   WorkersOf(steps[i]) != WorkersOf(steps[i - 1]))) {
      continue;
    }
    const std::int64_t n = steps[i]["parallel"]["n_jobs"].integer();
    expect[i] = With(expect[i], "workers", Json::Integer(n));
    expect[i] = With(expect[i], "executor", Json::Text("same"));
    expect[i] =
        With(expect[i], "workers_kept", Json::Integer(n - CostOf(steps[i])));
    departs = true;
  }
  if (!departs) return std::nullopt;
  return Json::Object({{"steps", Json::Array(std::move(expect))}});
}

}  // namespace joblib::conformance
