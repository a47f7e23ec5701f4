#include "joblib/dask.h"

#include <stdexcept>
#include <utility>

#include "absl/strings/str_cat.h"
#include "joblib/backends/builtin_clusters.h"
#include "joblib/cpu_count.h"

namespace joblib::dask {

LocalCluster::LocalCluster(const LocalClusterOptions& options) {
  if (options.n_workers < 0 || options.threads_per_worker < 1) {
    throw std::invalid_argument(absl::StrCat(
        "A LocalCluster has at least one worker of one thread, got n_workers=",
        options.n_workers, ", threads_per_worker=", options.threads_per_worker,
        "."));
  }
  BackendParams keywords = {
      {"n_workers", options.n_workers > 0 ? options.n_workers : cpu_count()},
      {"threads_per_worker", options.threads_per_worker}};
  if (!options.dashboard_address.empty()) {
    keywords.insert_or_assign("dashboard_address", options.dashboard_address);
  }
  if (!options.memory_limit.empty()) {
    keywords.insert_or_assign("memory_limit", options.memory_limit);
  }
  internal::DaskCluster cluster = internal::StartDaskCluster(keywords);
  handle_ = std::move(cluster.handle);
  address_ = std::move(cluster.address);
  dashboard_link_ = std::move(cluster.dashboard);
}

LocalCluster::~LocalCluster() = default;

}  // namespace joblib::dask
