#include "tests/conformance/without_processes.h"

#include <algorithm>

namespace joblib::conformance {
namespace {

constexpr char kVariable[] = "JOBLIB_MULTIPROCESSING";

// The value of an option in the innermost scope that sets it; else null.
Json InnermostValue(const Case& c, std::string_view key) {
  Json result;
  for (const Json& scope : c.scenario["scopes"].items()) {
    if (const Json* value = scope["options"].Find(key)) {
      result = *value;
    } else if (key == "n_jobs" && scope["kind"].text() == "parallel_backend") {
      result = Json::Integer(-1);
    }
  }
  return result;
}

}  // namespace

bool IsWithoutProcesses(const Case& c) {
  const Json* value = c.env.Find(kVariable);
  return value != nullptr && value->text() == "0" &&
         c.scenario.Find("scopes") != nullptr;
}

Json EnvironmentOf(const Case& c) { return Without(c.env, kVariable); }

std::int64_t ThreadsFor(std::int64_t n_jobs, const Case& c) {
  if (n_jobs >= 0) return n_jobs;
  const std::int64_t n_cpus = c.machine["os_cpu_count"].integer();
  return std::max<std::int64_t>(n_cpus + 1 + n_jobs, 1);
}

std::int64_t ThreadsForNone(const Case& c) {
  const Json n_jobs = InnermostValue(c, "n_jobs");
  return n_jobs.is_null() ? 1 : ThreadsFor(n_jobs.integer(), c);
}

bool ScopeNames(const Case& c, std::string_view name) {
  return InnermostValue(c, "backend") == Json::Text(name);
}

}  // namespace joblib::conformance
