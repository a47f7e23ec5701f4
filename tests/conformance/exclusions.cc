#include "tests/conformance/exclusions.h"

#include <string>
#include <string_view>

namespace joblib::conformance {
namespace {

using OptionsTest = bool (*)(const Json& options);

bool AnyIn(const Json& list, OptionsTest test);

// Whether `test` likes any options that `json`, a scenario, a scope or an
// event, has.
bool Any(const Json& json, OptionsTest test) {
  for (std::string_view key : {"options", "parallel"}) {
    const Json* options = json.Find(key);
    if (options != nullptr && test(*options)) return true;
  }
  for (std::string_view key : {"scopes", "events"}) {
    const Json* list = json.Find(key);
    if (list != nullptr && AnyIn(*list, test)) return true;
  }
  return false;
}

bool AnyIn(const Json& list, OptionsTest test) {
  for (const Json& item : list.items()) {
    if (Any(item, test)) return true;
  }
  return false;
}

bool IsKind(const Json& options, std::string_view key, Json::Kind kind) {
  const Json* value = options.Find(key);
  return value != nullptr && value->kind() == kind;
}

// Values that the fields of ConfigOptions and ParallelOptions do not take.
bool TypesExclude(const Case& c, Target) {
  return Any(c.scenario, [](const Json& options) {
    return IsKind(options, "n_jobs", Json::Kind::kText) ||
           IsKind(options, "verbose", Json::Kind::kBoolean) ||
           IsKind(options, "verbose", Json::Kind::kFloating) ||
           IsKind(options, "max_nbytes", Json::Kind::kFloating) ||
           IsKind(options, "batch_size", Json::Kind::kBoolean) ||
           IsKind(options, "batch_size", Json::Kind::kFloating);
  });
}

bool NamesAContext(const Case& c, Target) {
  return Any(c.scenario, [](const Json& options) {
    const Json* backend = options.Find("backend");
    return backend != nullptr && backend->is_object() &&
           backend->Find("$mp_context") != nullptr;
  });
}

bool HasNoSuchMethod(const Case& c, Target) {
  const Json* parallel = c.scenario.Find("parallel");
  const Json* as = parallel == nullptr ? nullptr : parallel->Find("return_as");
  return as != nullptr && *as != Json::Text("list") &&
         *as != Json::Text("generator") &&
         *as != Json::Text("generator_unordered");
}

bool HidesAModule(const Case& c) {
  const Json* events = c.scenario.Find("events");
  if (events == nullptr) return false;
  for (const Json& event : events->items()) {
    if (event["do"] == Json::Text("hide_module")) return true;
  }
  return false;
}

// Parallel alone does not know it.
bool OpensAScopeOfDask(const Case& c, Target target) {
  if (HidesAModule(c) && target != Target::kNative) return false;
  for (std::string_view key : {"scopes", "events"}) {
    const Json* list = c.scenario.Find(key);
    if (list == nullptr) continue;
    for (const Json& item : list->items()) {
      const Json* options = item.Find("options");
      const Json* backend =
          options == nullptr ? nullptr : options->Find("backend");
      if (backend != nullptr && *backend == Json::Text("dask")) return true;
    }
  }
  return false;
}

bool BindsTheProcess(const Case& c, Target target) {
  return target != Target::kNative &&
         c.scenario.Find("set_affinity") != nullptr;
}

// ---- Cases that run tasks ----

// Whether a call of `seen`, or one nested in it, ran on the backend.
bool NestedCallsUse(const Json& seen, std::string_view class_name) {
  if (seen.kind() == Json::Kind::kArray) {
    for (const Json& item : seen.items()) {
      if (NestedCallsUse(item, class_name)) return true;
    }
  }
  if (!seen.is_object()) return false;
  const Json* used = seen.Find("used_backend");
  if (used != nullptr && used->text() == class_name) return true;
  for (std::string_view key : {"tasks", "call"}) {
    const Json* inner = seen.Find(key);
    if (inner != nullptr && NestedCallsUse(*inner, class_name)) return true;
  }
  return false;
}

bool IsNested(const Case& c) { return c.scenario.Find("levels") != nullptr; }

// Of a call, in the scopes around it: the option's value; null: unset.
Json OptionOf(const Json& call, std::string_view key) {
  if (const Json* value = call["parallel"].Find(key)) return *value;
  return call.Find("scopes") == nullptr ? Json()
                                        : InnermostScopeOption(call, key);
}

// Whether the call of `c` has workers of this backend.
bool HasWorkersOf(const Case& c, std::string_view backend) {
  const Json n_jobs = OptionOf(c.scenario, "n_jobs");
  if (n_jobs.is_null() || n_jobs == Json::Integer(1)) return false;
  const Json name = OptionOf(c.scenario, "backend");
  return (name.is_null() ? "loky" : name.text()) == backend;
}

bool HasSteps(const Case& c) { return c.scenario.Find("steps") != nullptr; }

bool UsesLoky(const Case& c) {
  if (HasSteps(c)) return true;
  return IsNested(c) ? NestedCallsUse(c.expect, "LokyBackend")
                     : HasWorkersOf(c, "loky");
}

bool UsesMultiprocessing(const Case& c) {
  if (HasSteps(c)) return false;
  return IsNested(c) ? NestedCallsUse(c.expect, "MultiprocessingBackend")
                     : HasWorkersOf(c, "multiprocessing");
}

bool NeedsProcesses(const Case& c, Target target) {
  return target != Target::kNative && (UsesLoky(c) || UsesMultiprocessing(c));
}

// Without threads a call on threading is a sequential one. Where that makes no
// difference, the case is replayed.
bool NeedsThreads(const Case& c, Target target) {
  if (target != Target::kWasm) return false;
  if (IsNested(c)) return NestedCallsUse(c.expect, "ThreadingBackend");
  if (!HasWorkersOf(c, "threading")) return false;
  const Json& options = c.scenario["parallel"];
  if (options.Find("timeout") != nullptr) return true;
  if (const Json* verbose = options.Find("verbose")) {
    return *verbose != Json::Integer(0);
  }
  const Json* kind = c.scenario.Find("kind");
  if (kind == nullptr) return false;  // errors.json
  if (kind->text() == "run") {
    // A plain loop reads no pre_dispatch, and ends its tasks in their order.
    const Json* as = options.Find("return_as");
    return (options.Find("pre_dispatch") != nullptr &&
            c.expect.Find("error") != nullptr) ||
           (c.scenario.Find("tasks") != nullptr && as != nullptr &&
            *as == Json::Text("generator_unordered"));
  }
  return kind->text() != "input_raises" && kind->text() != "reentrant";
}

bool TypesExcludeOptions(const Case& c, Target target) {
  return TypesExclude(c, target) || Any(c.scenario, [](const Json& options) {
           return IsKind(options, "pre_dispatch", Json::Kind::kFloating);
         });
}

bool RaisesPythonsOwn(const Case& c, Target) {
  const Json* tasks = c.scenario.Find("tasks");
  if (tasks == nullptr) return false;
  for (const Json& task : tasks->items()) {
    const std::string& op = task["op"].text();
    if (op == "exit") return true;
    if (op != "raise") continue;
    for (std::string_view type :
         {"StopIteration", "KeyboardInterrupt", "SystemExit"}) {
      if (task["type"].text() == type) return true;
    }
  }
  return false;
}

bool HasElementsOfNoCppType(const Case& c, Target) {
  const Json* array = c.scenario.Find("array");
  return array != nullptr && ((*array)["kind"] == Json::Text("object") ||
                              (*array)["dtype"] == Json::Text(">f8"));
}

bool PretendsAboutShm(const Case& c, Target) {
  return c.scenario.Find("no_shm") != nullptr ||
         c.scenario.Find("small_shm") != nullptr;
}

bool WaitsForAFolderToGo(const Case& c, Target) {
  return c.scenario.Find("within_seconds") != nullptr;
}

using Why = Exclusion::Why;

constexpr char kNoProcesses[] = "WebAssembly has no processes.";
constexpr char kNoThreads[] =
    "This WebAssembly has one thread: a call on threading is sequential.";

constexpr Exclusion kExclusions[] = {
    {"resolve.json", "values-of-other-types",
     "A value that the type of the option's field does not take: the program "
     "does not compile.",
     Why::kPythonOnly, TypesExclude, "config_params.json"},
    {"resolve.json", "multiprocessing-context",
     "A start method of Python's multiprocessing as the backend.",
     Why::kPythonOnly, NamesAContext, "config_params.json"},
    {"resolve.json", "return_as-of-no-method",
     "return_as is the name of a method: another one does not compile.",
     Why::kPythonOnly, HasNoSuchMethod, "config_params.json"},
    {"resolve.json", "dask-in-a-scope",
     "Whether Python has dask shows at the first use, and how to name a "
     "scheduler is said in C++ terms: tests/backends/cluster.",
     Why::kPythonOnly, OpensAScopeOfDask, "config_params.json"},
    {"cpu_count.json", "affinity-on-webassembly",
     "WebAssembly cannot bind a thread to a CPU.", Why::kNoSuchMachine,
     BindsTheProcess},
    {"dispatch.json", "values-of-other-types",
     "A value that the type of the option's field does not take: the program "
     "does not compile.",
     Why::kPythonOnly, TypesExcludeOptions},
    {"errors.json", "exceptions-of-python",
     "StopIteration, KeyboardInterrupt and SystemExit have no like in C++.",
     Why::kPythonOnly, RaisesPythonsOwn},
    {"nesting.json", "processes-on-webassembly", kNoProcesses,
     Why::kNoSuchMachine, NeedsProcesses, "verbose.json"},
    {"nesting.json", "threads-on-webassembly", kNoThreads, Why::kNoSuchMachine,
     NeedsThreads, "verbose.json"},
    {"dispatch.json", "processes-on-webassembly", kNoProcesses,
     Why::kNoSuchMachine, NeedsProcesses, "errors.json"},
    {"memmap.json", "elements-of-no-cpp-type",
     "Python's objects, and numbers in the other byte order: elements of an "
     "Array are C++ values.",
     Why::kPythonOnly, HasElementsOfNoCppType},
    {"memmap.json", "pretended-shm",
     "A /dev/shm that is absent or too small: the order of folders is a pure "
     "function, tested in tests/backends/process/temp_folder_test.cc.",
     Why::kNoSuchMachine, PretendsAboutShm},
    {"memmap.json", "folders-that-go",
     "Nothing has a name that could stay behind: "
     "tests/array/program_killed_test.cc.",
     Why::kPythonOnly, WaitsForAFolderToGo},
    {"workers_env.json", "processes-on-webassembly", kNoProcesses,
     Why::kNoSuchMachine, NeedsProcesses, "lifecycle.json"},
    {"dispatch.json", "threads-on-webassembly", kNoThreads, Why::kNoSuchMachine,
     NeedsThreads, "errors.json"},
};

}  // namespace

absl::Span<const Exclusion> Exclusions() { return kExclusions; }

}  // namespace joblib::conformance
