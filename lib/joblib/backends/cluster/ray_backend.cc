#include "joblib/backends/cluster/ray_backend.h"

#include <algorithm>
#include <stdexcept>
#include <string>

#include "absl/strings/str_cat.h"
#include "joblib/backends/cluster/json_text.h"
#include "joblib/backends/platform.h"
#include "joblib/core/n_jobs.h"
#include "native/environment.h"

namespace joblib {
namespace {

constexpr double kConnectSeconds = 10;

std::string RayAddress() {
  const std::string address = native::GetEnv("RAY_ADDRESS").value_or("");
  return address.empty() ? "local" : address;
}

}  // namespace

RayBackend::RayBackend(const BackendParams& params)
    : ClusterBackend({.engine = "ray",
                      .address = RayAddress(),
                      .python = internal::TextParam(params, "python", ""),
                      .connect_timeout = internal::SecondsParam(
                          params, "connect_timeout", kConnectSeconds)},
                     params, internal::BackendAccess::AutoBatch::kProcesses) {
  internal::JsonText(SubmitOptions(params));  // Throws where it can't be sent.
}

int RayBackend::effective_n_jobs(NJobs n_jobs) const {
  if (n_jobs.has_value() && internal::TruncatedNJobs(n_jobs) == 1) return 1;
  if (!n_jobs.has_value()) n_jobs = default_n_jobs();
  if (MustBePlainLoop()) return 1;
  const int n_cpus = ClusterSlots(/*wait_seconds=*/0);
  if (internal::TruncatedNJobs(n_jobs) == -1) return std::max(n_cpus, 1);
  const int n =
      internal::ResolveNJobs(n_jobs, [] { return internal::CpuCount(); });
  if (n > n_cpus) {
    throw std::invalid_argument(absl::StrCat(
        "Tried to start a pool with ", n,
        " processes on an existing ray cluster, but there are only ", n_cpus,
        " CPUs in the ray cluster."));
  }
  return n;
}

BackendParams RayBackend::SubmitOptions(const BackendParams& params) const {
  const auto found = params.find("ray_remote_args");
  if (found == params.end()) return {};
  if (found->second.as_map() == nullptr) {
    throw std::invalid_argument(
        "ray_remote_args must be a map, like {{\"num_cpus\", 2}}.");
  }
  return *found->second.as_map();
}

}  // namespace joblib
