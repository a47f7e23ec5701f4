#include "tests/conformance/without_processes.h"

#include <algorithm>

namespace joblib::conformance {
namespace {

constexpr char kVariable[] = "JOBLIB_MULTIPROCESSING";

}  // namespace

bool IsWithoutProcesses(const Case& c) {
  const Json* value = c.env.Find(kVariable);
  return value != nullptr && value->text() == "0" &&
         c.scenario.Find("scopes") != nullptr;
}

Json EnvironmentOf(const Case& c) { return Without(c.env, kVariable); }

std::int64_t ThreadsFor(std::int64_t n_jobs, const Case& c) {
  if (n_jobs >= 0) return n_jobs;
  const std::int64_t n_cpus = std::min(c.machine["os_cpu_count"].integer(),
                                       c.machine["affinity"].integer());
  return std::max<std::int64_t>(n_cpus + 1 + n_jobs, 1);
}

std::int64_t ThreadsForNone(const Case& c) {
  const Json n_jobs = InnermostScopeOption(c.scenario, "n_jobs");
  if (n_jobs.is_null()) return 1;
  return ThreadsFor(static_cast<std::int64_t>(n_jobs.number()), c);
}

bool ScopeNames(const Case& c, std::string_view name) {
  return InnermostScopeOption(c.scenario, "backend") == Json::Text(name);
}

}  // namespace joblib::conformance
