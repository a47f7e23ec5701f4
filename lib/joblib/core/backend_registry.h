// BackendRegistry: backend names and their factories, and the default backend.
//
// Thread-safety: any thread. Factories run outside the lock.
#ifndef JOBLIB_CORE_BACKEND_REGISTRY_H_
#define JOBLIB_CORE_BACKEND_REGISTRY_H_

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "joblib/core/parallel_backend_base.h"

namespace joblib {

using BackendFactory =
    std::function<std::shared_ptr<ParallelBackendBase>(const BackendParams&)>;

namespace internal {

// Virtual: one that another copy of the library made (core/first_copy.h) is
// used by that copy's code.
class BackendRegistry {
 public:
  virtual ~BackendRegistry() = default;
  // Replaces a factory of that name.
  virtual void Register(const std::string& name, BackendFactory factory,
                        bool make_default);
  // `name` gives from here on what the default backend's name gives.
  virtual void AliasToDefault(const std::string& name);
  virtual bool Has(const std::string& name) const;
  virtual std::string default_name() const;
  virtual std::vector<std::string> names() const;  // Ascending.
  // Throws std::invalid_argument in joblib's words if there is no such name, or
  // if the factory returns null.
  virtual std::shared_ptr<ParallelBackendBase> Make(
      const std::string& name, const BackendParams& params) const;

 private:
  mutable absl::Mutex mu_;
  std::map<std::string, BackendFactory> factories_ ABSL_GUARDED_BY(mu_);
  std::string default_name_ ABSL_GUARDED_BY(mu_);
};

}  // namespace internal
}  // namespace joblib

#endif  // JOBLIB_CORE_BACKEND_REGISTRY_H_
