// Which backend, n_jobs, options, warnings and errors come out of scopes and
// Parallel's options: tables/resolve.json and tables/config_params.json.

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "joblib/core/type_name.h"
#include "joblib/cpu_count.h"
#include "joblib/parallel.h"
#include "joblib/parallel/backend_choice.h"
#include "joblib/parallel/parallel_state.h"
#include "native/capture_for_test.h"
#include "tests/conformance/case.h"
#include "tests/conformance/fresh_process.h"
#include "tests/conformance/json.h"
#include "tests/conformance/observation.h"
#include "tests/conformance/replay.h"
#include "tests/conformance/scenario.h"
#include "tests/conformance/without_processes.h"

namespace joblib::conformance {
namespace {

using internal::ClassNameOf;
using internal::Platform;
using internal::Resolved;

// ---- A look at a Parallel ----

Json TextOrNull(const std::optional<std::string>& text) {
  return text.has_value() ? Json::Text(*text) : Json();
}

template <class Integer>
Json IntegerOrNull(const std::optional<Integer>& n) {
  return n.has_value() ? Json::Integer(*n) : Json();
}

Json Floating(double value) {
  return Json::Number(Json::Kind::kFloating, std::to_string(value));
}

Json ToJson(const internal::IntegerOrText& value) {
  return value.is_text ? Json::Text(value.text) : Json::Integer(value.number);
}

Json ToJson(const BackendParams& params) {
  Json::Members members;
  for (const auto& [name, value] : params) {
    if (const std::int64_t* n = value.as_integer()) {
      members.emplace_back(name, Json::Integer(*n));
    } else if (const std::string* text = value.as_text()) {
      members.emplace_back(name, Json::Text(*text));
    } else {
      members.emplace_back(name, Json::Text("of another kind"));
    }
  }
  return Json::Object(std::move(members));
}

std::string ReturnAs(const Json& options) {
  const Json* return_as = options.Find("return_as");
  return return_as == nullptr ? "list" : return_as->text();
}

Json Describe(const Resolved& r, const std::string& return_as) {
  return Json::Object({
      {"backend", Json::Text(ClassNameOf(*r.backend))},
      {"n_jobs", Json::Integer(r.n_jobs)},
      {"nesting_level", Json::Integer(r.backend->nesting_level())},
      {"inner_max_num_threads",
       IntegerOrNull(r.inner_max_num_threads.has_value()
                         ? r.inner_max_num_threads
                         : r.backend->inner_max_num_threads())},
      {"verbose", Json::Integer(r.verbose)},
      {"temp_folder", TextOrNull(r.temp_folder)},
      {"max_nbytes", IntegerOrNull(r.max_nbytes)},
      {"mmap_mode", TextOrNull(r.mmap_mode)},
      {"prefer", TextOrNull(r.prefer)},
      {"require", TextOrNull(r.require)},
      {"backend_verbose", Json::Integer(r.backend_verbose())},
      {"timeout", r.timeout.has_value() ? Floating(*r.timeout) : Json()},
      {"pre_dispatch", ToJson(r.pre_dispatch)},
      {"batch_size", r.batch_size.has_value() ? Json::Integer(*r.batch_size)
                                              : Json::Text("auto")},
      {"return_as", Json::Text(return_as)},
      {"extra", ToJson(r.backend_params)},
      {"backend_params", ToJson(r.backend->backend_params())},
  });
}

// What `ask` gives, or {"error": ...}.
Json OrError(const std::function<Json()>& ask) {
  Json answer;
  const Json error = ErrorOf([&] { answer = ask(); });
  return error.is_null() ? answer : Json::Object({{"error", error}});
}

// joblib refuses return_as when a Parallel is constructed; here it is the
// method that is called. Backends that can are not started for it.
void AskFor(const std::string& return_as, Parallel& parallel) {
  if (parallel.state_for_test().resolved().backend->supports_return_generator())
    return;
  const std::vector<DelayedCall<int (*)()>> no_tasks;
  if (return_as == "generator") parallel.generator(no_tasks);
  if (return_as == "generator_unordered") {
    parallel.generator_unordered(no_tasks);
  }
}

Json Start(Parallel& parallel) {
  const auto session = parallel.session();
  const internal::ParallelState& state = parallel.state_for_test();
  const ParallelBackendBase& used = *state.used_backend();
  const int n_jobs = used.effective_n_jobs(state.resolved().n_jobs);
  return Json::Object({{"backend", Json::Text(ClassNameOf(used))},
                       {"n_jobs", Json::Integer(n_jobs)}});
}

Json EffectiveNJobsOfNone() {
  return OrError([] { return Json::Integer(effective_n_jobs(none)); });
}

Json LookAt(const Json& options, WarningCollector& warnings) {
  Json::Members look;
  native::OutputCapture output;
  std::unique_ptr<Parallel> parallel;
  const std::string return_as = ReturnAs(options);
  const Json error = ErrorOf([&] {
    parallel = std::make_unique<Parallel>(ToParallelOptions(options));
    AskFor(return_as, *parallel);
  });
  if (!error.is_null()) {
    look.emplace_back("error", With(error, "stage", Json::Text("Parallel")));
  } else {
    const Resolved& resolved = parallel->state_for_test().resolved();
    look.emplace_back("parallel", Describe(resolved, return_as));
    look.emplace_back("effective_n_jobs", OrError([&] {
                        return Json::Integer(resolved.backend->effective_n_jobs(
                            resolved.n_jobs));
                      }));
    // The tables' generator forks a pool to try this: not a large one.
    const bool is_large =
        dynamic_cast<MultiprocessingBackend*>(resolved.backend.get()) &&
        resolved.n_jobs > 10;
    look.emplace_back("started",
                      is_large ? Json::Text("not tried")
                               : OrError([&] { return Start(*parallel); }));
  }
  look.emplace_back("effective_n_jobs_of_none", EffectiveNJobsOfNone());
  look.emplace_back("stdout", Json::Text(output.End().out));
  look.emplace_back("warnings", warnings.Take());
  return Json::Object(std::move(look));
}

// ---- Scenarios ----

// Plays the events of a scenario in order.
class Player {
 public:
  // Stops, with false, at a scope that fails.
  bool Play(const Json& events) {
    for (const Json& event : events.items()) {
      if (!PlayOne(event)) return false;
    }
    return true;
  }

  Json observations() const { return Json::Object({{"observations", seen_}}); }

 private:
  bool PlayOne(const Json& event) {
    const std::string& what = event["do"].text();
    if (what == "enter") return Enter(event);
    if (what == "exit") {
      scopes_.erase(event["scope"].text());
    } else if (what == "unregister") {
      scopes_.at(event["scope"].text())->Unregister();
    } else if (what == "observe") {
      const Json* parallel = event.Find("parallel");
      seen_ = With(seen_, event["label"].text(),
                   LookAt(parallel == nullptr ? Json::Object({}) : *parallel,
                          warnings_));
    } else if (what == "register") {
      Register(event);
    } else if (what == "thread") {
      RunInNewThread([&] { Play(event["events"]); });
    } else if (what != "hide_module") {  // This build has no clusters to hide.
      ADD_FAILURE() << "no such event: " << what;
    }
    return true;
  }

  bool Enter(const Json& event) {
    const std::string& name = event["scope"].text();
    const Json error =
        ErrorOf([&] { scopes_[name] = std::make_unique<Scope>(event); });
    if (error.is_null()) return true;
    scopes_.erase(name);
    Json described = With(error, "stage", Json::Text("enter:" + name));
    seen_ = With(seen_, "error", With(described, "warnings", warnings_.Take()));
    return false;
  }

  static void Register(const Json& event) {
    const Json* make_default = event.Find("make_default");
    register_parallel_backend(
        event["name"].text(),
        [class_name = event["class"].text()](const BackendParams& params) {
          return MakeBackendOfClass(class_name, params);
        },
        make_default != nullptr && make_default->boolean());
  }

  WarningCollector warnings_;
  std::map<std::string, std::unique_ptr<Scope>> scopes_;
  Json seen_ = Json::Object({});  // By label; a later one replaces.
};

Json Observe(const Json& scenario) {
  if (const Json* events = scenario.Find("events")) {
    Player player;
    player.Play(*events);
    return player.observations();
  }
  WarningCollector warnings;
  std::vector<std::unique_ptr<Scope>> scopes;
  for (const Json& scope : scenario["scopes"].items()) {
    const Json error =
        ErrorOf([&] { scopes.push_back(std::make_unique<Scope>(scope)); });
    if (error.is_null()) continue;
    const std::string stage = "scope[" + std::to_string(scopes.size()) + "]";
    return Json::Object({{"error", With(error, "stage", Json::Text(stage))},
                         {"warnings", warnings.Take()}});
  }
  Json look = LookAt(scenario["parallel"], warnings);
  while (!scopes.empty()) scopes.pop_back();
  return look;
}

// ---- `documented` in words ----

using Edit = std::function<Json(const Json& options)>;

// The scenario with the options of all scopes and of Parallel edited.
Json Edited(const Json& scenario, const Edit& edit) {
  Json::Items scopes;
  for (const Json& scope : scenario["scopes"].items()) {
    scopes.push_back(With(scope, "options", edit(scope["options"])));
  }
  return With(With(scenario, "scopes", Json::Array(std::move(scopes))),
              "parallel", edit(scenario["parallel"]));
}

bool IsNone(const Json& options, std::string_view key) {
  const Json* value = options.Find(key);
  return value != nullptr && value->is_null();
}

// The scenario that must come out the same as the one that is documented so.
// That one is replayed against what joblib does in cases of its own.
Json SameAs(const Json& scenario, const std::string& documented) {
  if (documented == "the same as backend unset") {
    return Edited(scenario, [](const Json& options) {
      return IsNone(options, "backend") ? Without(options, "backend") : options;
    });
  }
  if (documented == "verbose=0") {
    return Edited(scenario, [](const Json& options) {
      return IsNone(options, "verbose")
                 ? With(options, "verbose", Json::Integer(0))
                 : options;
    });
  }
  ADD_FAILURE() << "spell out what is documented: " << documented;
  return scenario;
}

// ---- Replay ----

// The warnings but for those of a backend without timeout.
Json WithoutTimeouts(const Json& warnings) {
  Json::Items kept;
  for (const Json& warning : warnings.items()) {
    const std::string& message = warning["message"].text();
    if (message.find("does not support timeout") == message.npos) {
      kept.push_back(warning);
    }
  }
  return Json::Array(std::move(kept));
}

// What to expect of `c` where there are threads and no processes.
Json WithThreads(const Case& c, Json expect) {
  const Json* parallel = expect.Find("parallel");
  if (parallel != nullptr &&
      (*parallel)["backend"].text() == "ThreadingBackend") {
    const std::int64_t n = ThreadsFor((*parallel)["n_jobs"].integer(), c);
    if (n > 1) {
      expect = With(expect, "effective_n_jobs", Json::Integer(n));
      expect = With(expect, "started",
                    Json::Object({{"backend", Json::Text("ThreadingBackend")},
                                  {"n_jobs", Json::Integer(n)}}));
      expect = With(expect, "warnings", WithoutTimeouts(expect["warnings"]));
    }
  }
  const Json* of_none = expect.Find("effective_n_jobs_of_none");
  if (of_none != nullptr && !of_none->is_object() &&
      !ScopeNames(c, "sequential")) {
    expect = With(expect, "effective_n_jobs_of_none",
                  Json::Integer(ThreadsForNone(c)));
  }
  return expect;
}

void Replay(const Case& c) {
  const auto observe = [&c](const Json& env, Platform platform,
                            const Json& scenario) {
    const FreshProcess process(env, c.machine, platform);
    return Observe(scenario);
  };
  const Json expect = c.documented.is_text()
                          ? observe(c.env, kTablesPlatform,
                                    SameAs(c.scenario, c.documented.text()))
                          : c.expect;
  ExpectSame(expect, observe(c.env, kTablesPlatform, c.scenario));
  if (!IsWithoutProcesses(c)) return;
  {
    SCOPED_TRACE("on a platform without processes and threads");
    ExpectSame(expect, observe(EnvironmentOf(c), kNoThreads, c.scenario));
  }
  {
    SCOPED_TRACE("on a platform with threads and without processes");
    ExpectSame(WithThreads(c, expect),
               observe(EnvironmentOf(c), kNoProcesses, c.scenario));
  }
}

}  // namespace
}  // namespace joblib::conformance

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  joblib::conformance::RegisterReplay({
      .table = "resolve.json",
      .replay = joblib::conformance::Replay,
      .committed = {.native = 1034, .wasm = 1035, .wasm_threads = 1035},
  });
  joblib::conformance::RegisterReplay({
      .table = "config_params.json",
      .replay = joblib::conformance::Replay,
      .committed = {.native = 78, .wasm = 78, .wasm_threads = 78},
  });
  return RUN_ALL_TESTS();
}
