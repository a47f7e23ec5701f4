#include "joblib/parallel/option_support.h"

#include <algorithm>
#include <iterator>
#include <string>
#include <string_view>
#include <typeinfo>

#include "absl/strings/str_cat.h"
#include "joblib/backends/builtin_backends.h"
#include "joblib/backends/builtin_clusters.h"
#include "joblib/core/type_name.h"
#include "joblib/core/warning.h"

namespace joblib::internal {
namespace {

struct Support {
  bool (*is)(const ParallelBackendBase&);
  bool max_retries;
  bool inner_max_num_threads;
  std::string_view params[9];  // The rest is empty.
  // Known, but the backend itself refuses it when it starts.
  std::string_view refused_param = {};
};

template <class B>
bool Is(const ParallelBackendBase& backend) {
  return typeid(backend) == typeid(B);
}

constexpr Support kTable[] = {
    {Is<SequentialBackend>, false, false, {}},
    {Is<ThreadingBackend>, false, false, {"caller_runs"}},
    {Is<LokyBackend>,
     true,
     true,
     {"idle_worker_timeout", "initializer"},
     "timeout"},
    {Is<MultiprocessingBackend>, true, false, {}},
    {IsDask,
     true,
     false,
     {"scheduler_host", "wait_for_workers_timeout", "connect_timeout", "python",
      "resources", "priority", "workers", "retries", "allow_other_workers"}},
    {IsRay, true, false, {"ray_remote_args", "connect_timeout", "python"}},
};

const Support* Find(const ParallelBackendBase& backend) {
  for (const Support& support : kTable) {
    if (support.is(backend)) return &support;
  }
  return nullptr;  // A user's own: it knows its options best.
}

void WarnOfOption(const std::string& option, const ParallelBackendBase& backend,
                  const std::string& why) {
  Warn(absl::StrCat("The backend class '", ClassNameOf(backend),
                    "' does not support ", option, ": ", why));
}

bool Knows(const Support& support, const std::string& name) {
  return name == support.refused_param ||
         std::find(std::begin(support.params), std::end(support.params),
                   name) != std::end(support.params);
}

std::string ParamsOf(const Support& support) {
  std::string text;
  for (const std::string_view param : support.params) {
    if (param.empty()) break;
    absl::StrAppend(&text, text.empty() ? "'" : ", '", param, "'");
  }
  return text.empty() ? "none at all." : text + ".";
}

}  // namespace

void WarnOfUnhonoured(const ParallelOptions& options,
                      const ParallelBackendBase& backend) {
  const Support* const support = Find(backend);
  if (support == nullptr) return;
  if (options.max_retries.has_value() &&
      options.max_retries.value().value > 0 && !support->max_retries) {
    WarnOfOption("max_retries", backend,
                 "its workers can't die without the program. It will not be "
                 "used.");
  }
  if (options.inner_max_num_threads.has_value() &&
      !support->inner_max_num_threads) {
    WarnOfOption("inner_max_num_threads", backend,
                 "only the workers of 'loky' start with thread limits. It will "
                 "not be used.");
  }
}

void WarnOfUnknownParams(const BackendParams& params,
                         const ParallelBackendBase& backend) {
  const Support* const support = Find(backend);
  if (support == nullptr) return;
  for (const auto& [name, value] : params) {
    if (Knows(*support, name)) continue;
    Warn(absl::StrCat("The backend class '", ClassNameOf(backend),
                      "' has no parameter '", name,
                      "'; it will not be used. It has ", ParamsOf(*support)));
  }
}

}  // namespace joblib::internal
