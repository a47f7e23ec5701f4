// A scenario's options, scopes and backends as ours: what the tables write in
// Python's words becomes what a C++ program says.
//
//   Scope scope(Json::Parse(R"({"kind": "parallel_config",
//                               "options": {"n_jobs": 2}})").value());
//   Parallel parallel(ToParallelOptions(c.scenario["parallel"]));
//
// An absent key is unset, null is joblib::none. A value that a field's type
// does not take throws std::logic_error: such cases are excluded by rule.

#ifndef JOBLIB_TESTS_CONFORMANCE_SCENARIO_H_
#define JOBLIB_TESTS_CONFORMANCE_SCENARIO_H_

#include <memory>
#include <optional>
#include <string_view>

#include "joblib/backend.h"
#include "joblib/parallel_config.h"
#include "joblib/parallel_options.h"
#include "tests/conformance/json.h"

namespace joblib::conformance {

// A key that parallel_config does not have is one of its backend_params, as in
// joblib.
ConfigOptions ToConfigOptions(const Json& options);

// return_as is left out: it is a method of ours. Any other key that Parallel
// does not have is one of its backend_params.
ParallelOptions ToParallelOptions(const Json& options);

// An open scope: {"kind": "parallel_config" (also where absent) or
// "parallel_backend", "options": {...}}.
class Scope {
 public:
  explicit Scope(const Json& scope);
  Scope(const Scope&) = delete;
  Scope& operator=(const Scope&) = delete;

  void Unregister();

 private:
  std::optional<parallel_config> config_;
  std::optional<parallel_backend> backend_;
};

// A backend by the name of its class: one of ours, or one of the tables' own
// ("PlainBackend", "SharedMemBackend", "InnerThreadsBackend",
// "ThreadLikeBackend").
std::shared_ptr<ParallelBackendBase> MakeBackendOfClass(
    std::string_view class_name, const BackendParams& params = {});

}  // namespace joblib::conformance

#endif  // JOBLIB_TESTS_CONFORMANCE_SCENARIO_H_
