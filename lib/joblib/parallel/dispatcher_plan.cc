// What is planned for a call with several workers, and who runs it.
#include <cstdint>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "joblib/backends/builtin_backends.h"
#include "joblib/core/backend_access.h"
#include "joblib/core/pre_dispatch.h"
#include "joblib/core/python_repr.h"
#include "joblib/core/thread_state.h"
#include "joblib/parallel/call_runner.h"
#include "joblib/parallel/dispatcher.h"

namespace joblib::internal {
namespace {

// In tasks, or unset for "all".
std::optional<std::int64_t> PreDispatch(const IntegerOrText& option,
                                        int n_jobs) {
  std::int64_t n = option.number;
  if (option.is_text) {
    if (option.text == "all") return std::nullopt;
    if (option.text == kDefaultPreDispatch) return std::int64_t{2} * n_jobs;
    const absl::StatusOr<std::int64_t> value =
        EvaluatePreDispatch(option.text, n_jobs);
    if (!value.ok()) {
      throw std::invalid_argument(std::string(value.status().message()));
    }
    n = *value;
  }
  if (n < 1) {
    throw std::invalid_argument(
        absl::StrCat("pre_dispatch must let at least one task be read, got: ",
                     option.is_text ? PythonRepr(std::string_view(option.text))
                                    : PythonRepr(option.number),
                     option.is_text ? absl::StrCat(" = ", n) : "",
                     ". Use a number from 1 on, 'all' or an expression like "
                     "'2 * n_jobs'."));
  }
  return n;
}

// The configuration of the tasks: joblib's nested backend, nothing else.
ConfigRef TaskConfig(const ParallelBackendBase& backend) {
  auto [nested, n_jobs] = backend.get_nested_backend();
  const int level = backend.nesting_level() + 1;
  if (nested == nullptr && n_jobs.is_none()) return DefaultTaskConfig(level);
  if (nested == nullptr) nested = DefaultNestedBackend(level);
  BackendAccess::SetLevelIfUnset(*nested, level);
  auto config = std::make_unique<Config>();
  config->backend = std::move(nested);
  config->n_jobs = std::move(n_jobs);
  return ConfigRef(config.release());
}

void CompletePlan(const Resolved& resolved, CallPlan& plan) {
  const ParallelBackendBase& backend = *plan.backend;
  plan.pre_dispatch = PreDispatch(resolved.pre_dispatch, plan.n_jobs);
  if (resolved.timeout.has_value() && backend.supports_timeout()) {
    plan.timeout = CallPlan::ToDuration(*resolved.timeout);
  }
  plan.caller_config = ActiveConfig();
  plan.task_config = TaskConfig(backend);
}

std::shared_ptr<CallRunner> NewDispatcher(CallPlan plan,
                                          std::shared_ptr<TaskSource> source) {
  return std::make_shared<Dispatcher>(std::move(plan), std::move(source));
}

}  // namespace

constinit const RunnerFunctions kDispatcherFunctions = {&CompletePlan,
                                                        &NewDispatcher};

}  // namespace joblib::internal
