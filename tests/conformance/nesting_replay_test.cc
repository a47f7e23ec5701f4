// What tasks see and use at each level of nested calls: tables/nesting.json.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "joblib/core/type_name.h"
#include "joblib/joblib.h"
#include "joblib/parallel/parallel_state.h"
#include "native/thread.h"
#include "tests/conformance/case.h"
#include "tests/conformance/fresh_process.h"
#include "tests/conformance/json.h"
#include "tests/conformance/observation.h"
#include "tests/conformance/replay.h"
#include "tests/conformance/scenario.h"
#include "tests/conformance/tasks.h"

namespace joblib::conformance {
namespace {

using internal::ClassNameOf;

// The warnings that the calling thread was given in the call it makes now.
thread_local Json::Items warnings_here;

// Sorts the library's warnings by thread while it lives.
class WarningsByThread {
 public:
  WarningsByThread()
      : former_(set_warning_handler([](const Warning& warning) {
          if (!IsOneOfJoblibs(warning)) return;
          warnings_here.push_back(
              Json::Object({{"category", Json::Text(warning.category)},
                            {"message", Json::Text(warning.message)}}));
        })) {}
  WarningsByThread(const WarningsByThread&) = delete;
  WarningsByThread& operator=(const WarningsByThread&) = delete;
  ~WarningsByThread() { set_warning_handler(former_); }

 private:
  WarningHandler former_;
};

Json ToJson(const NJobs& n_jobs) {
  if (!n_jobs.has_value()) return Json();
  return Json::Integer(static_cast<int>(n_jobs.value().value));
}

// A thread among all of all processes.
struct ThreadOfAProcess {
  std::int64_t process = 0;
  std::uint64_t thread = 0;
  static ThreadOfAProcess This() {
    return {native::ProcessId(), native::ThisThreadId()};
  }
  template <class Archive>
  void serialize(Archive& archive) {
    archive(process, thread);
  }
};

std::string_view WhereIs(const ThreadOfAProcess& task,
                         const ThreadOfAProcess& caller) {
  if (task.process != caller.process) return "other process";
  return task.thread == caller.thread ? "same thread" : "other thread";
}

Json Call(const Json::Items& levels, std::size_t level);

// What one task of the level above `level` sees.
Json Look(const Json& levels, std::size_t level, ThreadOfAProcess caller) {
  const auto here = ThreadOfAProcess::This();
  const ActiveBackend active = get_active_backend();
  Json seen = Json::Object({
      {"runs_in", Json::Text(WhereIs(here, caller))},
      {"active_backend", Json::Text(ClassNameOf(*active.backend))},
      {"active_nesting_level", Json::Integer(active.backend->nesting_level())},
      {"active_n_jobs", ToJson(active.n_jobs)},
  });
  if (level == levels.items().size()) return seen;
  // A worker's warnings would reach the caller of the outermost call.
  std::optional<WarningsByThread> warnings;
  if (here.process != caller.process) warnings.emplace();
  return With(seen, "call", Call(levels.items(), level));
}

// DESIGN 8.1: which thread of the process runs a task of threading is open.
Json AsSeenOnThreads(Json task) {
  return With(task, "runs_in", Json::Text("same process"));
}

Json Call(const Json::Items& levels, std::size_t level) {
  Json::Items of_the_call_around = std::exchange(warnings_here, {});
  Json::Members seen;
  Json::Items tasks;
  {
    const Json& options = levels[level];
    std::vector<std::unique_ptr<Scope>> scopes;
    if (const Json* list = options.Find("scopes")) {
      for (const Json& scope : list->items()) {
        scopes.push_back(std::make_unique<Scope>(scope));
      }
    }
    const Json* parallel_options = options.Find("parallel");
    Parallel parallel(ToParallelOptions(
        parallel_options == nullptr ? Json::Object({}) : *parallel_options));
    const internal::ParallelState& state = parallel.state_for_test();
    const Json* n_tasks = options.Find("n_tasks");
    tasks = parallel(
        each(WithoutLength(range(n_tasks == nullptr ? 2 : n_tasks->integer())),
             [&](std::int64_t) {
               return delayed(Look)(Json::Array(levels), level + 1,
                                    ThreadOfAProcess::This());
             }));
    const ParallelBackendBase& used = *state.used_backend();
    const int used_n_jobs = used.effective_n_jobs(state.resolved().n_jobs);
    if (ClassNameOf(used) == "ThreadingBackend") {
      for (Json& task : tasks) task = AsSeenOnThreads(task);
    }
    seen = {
        {"backend", Json::Text(ClassNameOf(*state.resolved().backend))},
        {"n_jobs", Json::Integer(state.resolved().n_jobs)},
        {"used_backend", Json::Text(ClassNameOf(used))},
        {"used_n_jobs", Json::Integer(used_n_jobs)},
    };
    while (!scopes.empty()) scopes.pop_back();
  }
  seen.emplace_back("warnings", Json::Array(std::exchange(warnings_here,
                                                          of_the_call_around)));
  const bool agree =
      std::all_of(tasks.begin(), tasks.end(),
                  [&](const Json& t) { return t == tasks.front(); });
  seen.emplace_back("tasks", agree && !tasks.empty()
                                 ? tasks.front()
                                 : Json::Array(std::move(tasks)));
  return Json::Object(std::move(seen));
}

void Replay(const Case& c) {
  const FreshProcess process(c.env, c.machine, PlatformForCalls());
  const WarningsByThread warnings;
  const Json::Items& levels = c.scenario["levels"].items();
  Json seen;
  const auto body = [&] {
    const Json error = ErrorOfCall([&] { seen = Call(levels, 0); });
    if (!error.is_null()) seen = Json::Object({{"error", error}});
  };
  const Json* in_thread = c.scenario.Find("in_thread");
  if (in_thread != nullptr && in_thread->boolean()) {
    RunInNewThread(body);
  } else {
    body();
  }
  ExpectSame(c.expect, seen);
}

}  // namespace
}  // namespace joblib::conformance

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  joblib::conformance::RegisterReplay({
      .table = "nesting.json",
      .replay = joblib::conformance::Replay,
      .committed = {.native = 73, .wasm = 3, .wasm_threads = 25},
  });
  return RUN_ALL_TESTS();
}
