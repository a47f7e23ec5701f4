#include "joblib/parallel/parallel_state.h"

#include <atomic>
#include <exception>
#include <stdexcept>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "joblib/backends/builtin_backends.h"
#include "joblib/core/backend_access.h"
#include "joblib/core/number_text.h"
#include "joblib/core/outcome.h"
#include "joblib/core/type_name.h"
#include "joblib/core/verbosity.h"
#include "joblib/core/warning.h"
#include "joblib/parallel/call_reporter.h"
#include "joblib/parallel/call_runner.h"

namespace joblib::internal {

ParallelState::ParallelState(const ParallelOptions& options)
    : resolved_(Resolve(options, *ActiveConfig())), used_(resolved_.backend) {}

int ParallelState::Initialize() {
  const Resolved& r = resolved_;
  used_ = r.backend;
  const int n_jobs = used_->configure(r.n_jobs, ConfigureParams());
  if (n_jobs == 1 && BackendAccess::SequentialIfAlone(*used_)) {
    auto sequential = std::make_shared<SequentialBackend>();
    BackendAccess::SetLevelIfUnset(*sequential, used_->nesting_level());
    used_ = std::move(sequential);
  }
  if (r.timeout.has_value() && !used_->supports_timeout()) {
    Warn(absl::StrCat("The backend class '", ClassNameOf(*used_),
                      "' does not support timeout. You have set 'timeout=",
                      GeneralText(*r.timeout, 6),
                      "' in Parallel but the 'timeout' parameter will not be "
                      "used."));
  }
  return n_jobs;
}

// With the limit as a parameter: the instance may be one that others share.
BackendParams ParallelState::ConfigureParams() const {
  BackendParams params = resolved_.backend_params;
  if (resolved_.inner_max_num_threads.has_value() &&
      resolved_.backend->supports_inner_max_num_threads()) {
    params.insert_or_assign("inner_max_num_threads",
                            *resolved_.inner_max_num_threads);
  }
  return params;
}

CallPlan ParallelState::Plan(ReturnAs return_as, int n_jobs) const {
  const Resolved& r = resolved_;
  CallPlan plan;
  plan.return_as = return_as;
  plan.backend = used_;
  plan.n_jobs = n_jobs;
  plan.requested_n_jobs = r.n_jobs;
  plan.batch_size = r.batch_size;
  plan.verbose = r.verbose;
  plan.progress = r.progress;
  plan.stop_token = r.stop_token;
  plan.trace = r.trace;
  plan.max_retries = r.max_retries;
  plan.arrays = {r.max_nbytes, r.mmap_mode.value_or(""),
                 r.temp_folder.value_or("")};
  plan.backend_verbose = r.backend_verbose();
  plan.backend_params = ConfigureParams();
  plan.keep_backend = session_;
  plan.caller_may_help = r.caller_runs;
  if (r.task_timeout.has_value())
    plan.task_timeout = CallPlan::ToDuration(*r.task_timeout);
  if (n_jobs > 1) Runners().complete(r, plan);
  return plan;
}

CallPlan ParallelState::BeginCall(ReturnAs return_as) {
  const bool generator = return_as == ReturnAs::kGenerator ||
                         return_as == ReturnAs::kGeneratorUnordered;
  if (generator && !resolved_.backend->supports_return_generator()) {
    throw std::invalid_argument(absl::StrCat(
        "Backend ", ClassNameOf(*resolved_.backend),
        " does not support return_as=",
        return_as == ReturnAs::kGenerator ? "generator"
                                          : "generator_unordered"));
  }
  if (running_.exchange(true)) {
    throw std::runtime_error(absl::StrCat(
        "This Parallel instance is already running !",
        generator ? " Before submitting new tasks, you must wait for the "
                    "completion of all the previous tasks, or clean all "
                    "references to the output generator."
                  : ""));
  }
  try {
    const int n_jobs =
        session_ ? used_->effective_n_jobs(resolved_.n_jobs) : Initialize();
    if (n_jobs < 1) {
      throw std::runtime_error(
          absl::StrCat(ClassNameOf(*used_), " has no active worker."));
    }
    CallPlan plan = Plan(return_as, n_jobs);
    if (n_jobs > 1) {
      if (plan.verbose > 0) {
        PrintLine(plan.verbose, plan.requested_n_jobs,
                  UsingBackendLine(ClassNameOf(*used_), n_jobs));
      }
      used_->start_call();
      called_ = true;
    }
    return plan;
  } catch (...) {
    running_ = false;
    throw;
  }
}

void ParallelState::EndCall(bool failed) {
  std::exception_ptr error;
  const auto attempt = [&error](auto&& f) {
    try {
      f();
    } catch (...) {
      if (error == nullptr) error = std::current_exception();
    }
  };
  if (std::exchange(called_, false)) attempt([&] { used_->stop_call(); });
  if (!session_) attempt([&] { used_->terminate(); });
  running_ = false;
  if (error == nullptr) return;
  if (!failed) std::rethrow_exception(error);
  attempt([&] {
    Warn(
        absl::StrCat("The backend threw at the end of a call that had failed "
                     "already: ",
                     ExceptionMessage(error)));
  });
}

void ParallelState::BeginSession() {
  if (session_) {
    throw std::logic_error(
        "This Parallel object is in a session already: end that one first.");
  }
  Initialize();
  session_ = true;
}

void ParallelState::EndSession() {
  session_ = false;
  if (!running_) used_->terminate();
}

}  // namespace joblib::internal
