#include "joblib/core/backend_registry.h"

#include <stdexcept>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace joblib::internal {

void BackendRegistry::Register(const std::string& name, BackendFactory factory,
                               bool make_default) {
  if (!factory) {
    throw std::invalid_argument(
        absl::StrCat("register_parallel_backend('", name,
                     "', ...) needs a factory: a function that returns a "
                     "std::shared_ptr to a backend."));
  }
  absl::MutexLock lock(&mu_);
  factories_[name] = std::move(factory);
  if (make_default) default_name_ = name;
}

void BackendRegistry::AliasToDefault(const std::string& name) {
  absl::MutexLock lock(&mu_);
  factories_[name] = factories_[default_name_];
}

bool BackendRegistry::Has(const std::string& name) const {
  absl::MutexLock lock(&mu_);
  return factories_.count(name) != 0;
}

std::string BackendRegistry::default_name() const {
  absl::MutexLock lock(&mu_);
  return default_name_;
}

std::vector<std::string> BackendRegistry::names() const {
  absl::MutexLock lock(&mu_);
  std::vector<std::string> names;
  for (const auto& [name, factory] : factories_) names.push_back(name);
  return names;
}

std::shared_ptr<ParallelBackendBase> BackendRegistry::Make(
    const std::string& name, const BackendParams& params) const {
  BackendFactory factory;
  {
    absl::MutexLock lock(&mu_);
    const auto found = factories_.find(name);
    if (found != factories_.end()) factory = found->second;
  }
  if (!factory) {
    throw std::invalid_argument(
        absl::StrCat("Invalid backend: ", name, ", expected one of ['",
                     absl::StrJoin(names(), "', '"), "']"));
  }
  std::shared_ptr<ParallelBackendBase> backend = factory(params);
  if (backend == nullptr) {
    throw std::invalid_argument(absl::StrCat("The factory registered as '",
                                             name, "' returned no backend."));
  }
  return backend;
}

}  // namespace joblib::internal
