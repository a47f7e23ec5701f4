#include "joblib/parallel/backend_choice.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <stdexcept>
#include <utility>

#include "absl/strings/str_cat.h"
#include "joblib/backends/builtin_backends.h"
#include "joblib/core/backend_access.h"
#include "joblib/core/backend_registry.h"
#include "joblib/core/byte_size.h"
#include "joblib/core/n_jobs.h"
#include "joblib/core/python_repr.h"
#include "joblib/core/type_name.h"
#include "joblib/core/warning.h"
#include "joblib/parallel/option_support.h"

namespace joblib::internal {
namespace {

constexpr std::int64_t kDefaultMaxNbytes = std::int64_t{1} << 20;

// None is the same as no hint.
std::string TextOr(const Setting<Text>& setting, const char* otherwise) {
  return setting.has_value() ? setting.value().value : otherwise;
}

std::optional<std::string> OptionalText(const Setting<Text>& setting) {
  if (!setting.has_value()) return std::nullopt;
  return setting.value().value;
}

int Clamped(std::int64_t value) {
  return static_cast<int>(std::clamp<std::int64_t>(
      value, std::numeric_limits<int>::min(), std::numeric_limits<int>::max()));
}

int LevelOf(const Config& config) {
  return config.backend != nullptr ? config.backend->nesting_level() : 0;
}

std::shared_ptr<ParallelBackendBase> MakeByName(const std::string& name,
                                                const BackendParams& params,
                                                int level) {
  auto backend = Registry().Make(name, params);
  BackendAccess::SetLevelIfUnset(*backend, level);
  return backend;
}

void CheckHints(const std::string& prefer, const std::string& require) {
  if (!prefer.empty() && prefer != "processes" && prefer != "threads") {
    throw std::invalid_argument(
        absl::StrCat("prefer=", prefer,
                     " is not a valid backend hint, expected one of "
                     "('processes', 'threads', None)"));
  }
  if (!require.empty() && require != "sharedmem") {
    throw std::invalid_argument(
        absl::StrCat("require=", require,
                     " is not a valid backend constraint, expected one of "
                     "('sharedmem', None)"));
  }
  if (prefer == "processes" && require == "sharedmem") {
    throw std::invalid_argument(
        "prefer == 'processes' and require == 'sharedmem' are inconsistent "
        "settings");
  }
}

std::optional<double> SecondsOf(const Setting<Seconds>& setting,
                                const char* name) {
  if (!setting.has_value()) return std::nullopt;
  const double seconds = setting.value().value;
  if (!(seconds >= 0)) {
    throw std::invalid_argument(
        absl::StrCat(name, " must be a number of seconds from 0 on, got: ",
                     PythonRepr(seconds), ". Leave it out to wait for ever."));
  }
  // A steady clock's range is some 292 years.
  if (seconds > 1e9) return std::nullopt;
  return seconds;
}

std::optional<std::int64_t> BatchSizeOf(const Setting<IntegerOrText>& setting) {
  if (!setting.is_set()) return std::nullopt;
  std::string got = "None";
  if (setting.has_value()) {
    const IntegerOrText& value = setting.value();
    if (value.is_text && value.text == "auto") return std::nullopt;
    if (!value.is_text && value.number > 0) return value.number;
    got = value.is_text ? PythonRepr(std::string_view(value.text))
                        : PythonRepr(value.number);
  }
  throw std::invalid_argument(absl::StrCat(
      "batch_size must be 'auto' or a positive integer, got: ", got));
}

std::optional<std::int64_t> MaxNbytesOf(const Setting<IntegerOrText>& setting) {
  if (!setting.is_set()) return kDefaultMaxNbytes;
  if (setting.is_none()) return std::nullopt;
  const IntegerOrText& value = setting.value();
  if (!value.is_text) {
    if (value.number >= 0) return value.number;
    throw std::invalid_argument(
        absl::StrCat("max_nbytes must be at least 0, got: ", value.number,
                     ". Use joblib::none to have no argument memory-mapped."));
  }
  std::string why;
  const std::optional<std::int64_t> bytes = ParseByteSize(value.text, &why);
  if (!bytes.has_value()) throw std::invalid_argument(why);
  return bytes;
}

void CheckMmapMode(const std::optional<std::string>& mode) {
  if (!mode.has_value()) return;
  for (const char* known : {"r", "r+", "w+", "c"}) {
    if (*mode == known) return;
  }
  throw std::invalid_argument(absl::StrCat(
      "mmap_mode must be one of 'r', 'r+', 'w+', 'c' or None, got: ",
      PythonRepr(std::string_view(*mode))));
}

bool CallerRuns(const BackendParams& own, const ParallelBackendBase& backend) {
  for (const BackendParams* params : {&own, &backend.backend_params()}) {
    const auto found = params->find("caller_runs");
    if (found == params->end()) continue;
    const bool* value = found->second.as_bool();
    if (value == nullptr) {
      throw std::invalid_argument(
          "backend_params: caller_runs must be true or false.");
    }
    return *value;
  }
  return true;
}

}  // namespace

std::shared_ptr<ParallelBackendBase> MakeBackend(const BackendChoice& choice,
                                                 const BackendParams& params,
                                                 const Config& config) {
  const int level = LevelOf(config);
  if (choice.instance != nullptr) {
    BackendAccess::SetLevelIfUnset(*choice.instance, level);
    return choice.instance;
  }
  if (IsMissingHere(choice.name)) {
    Warn(absl::StrCat("joblib backend '", choice.name,
                      "' is not available on your system, falling back to ",
                      Registry().default_name(), "."));
    Registry().AliasToDefault(choice.name);
  }
  return MakeByName(choice.name, params, level);
}

ActiveChoice ChooseActiveBackend(const Config& config,
                                 const Setting<Text>& prefer_option,
                                 const Setting<Text>& require_option,
                                 int verbose) {
  const std::string prefer = TextOr(prefer_option, "");
  const std::string require = TextOr(require_option, "");
  CheckHints(prefer, require);
  const bool is_explicit = config.backend != nullptr;
  const auto backend =
      is_explicit ? config.backend
                  : MakeByName(Registry().default_name(), {}, /*level=*/0);
  const bool force_threads =
      (require == "sharedmem" && !backend->supports_sharedmem()) ||
      (!is_explicit && prefer == "threads" && !backend->uses_threads());
  if (force_threads) {
    auto threads = MakeByName("threading", {}, backend->nesting_level());
    if (verbose >= 10 && is_explicit) {
      const std::string line = absl::StrCat(
          "Using ", ClassNameOf(*threads), " as joblib backend instead of ",
          ClassNameOf(*backend),
          " as the latter does not provide shared memory semantics.\n");
      std::fwrite(line.data(), 1, line.size(), stdout);
      std::fflush(stdout);
    }
    return {std::move(threads), 1};
  }
  if (!is_explicit && prefer == "processes" && backend->uses_threads()) {
    // Where there are no processes the name stands for the default.
    if (Registry().Has("loky")) {
      return {MakeByName("loky", {}, backend->nesting_level()), config.n_jobs};
    }
  }
  return {backend, config.n_jobs};
}

Resolved Resolve(const ParallelOptions& options, const Config& config) {
  Resolved resolved;
  const auto& verbose = options.verbose.Or(config.verbose);
  resolved.verbose = verbose.has_value() ? Clamped(verbose.value().value) : 0;
  const Setting<Text>& prefer = options.prefer.Or(config.prefer);
  const Setting<Text>& require = options.require.Or(config.require);
  ActiveChoice active =
      ChooseActiveBackend(config, prefer, require, resolved.verbose);
  resolved.prefer = OptionalText(prefer);
  resolved.require = OptionalText(require);
  resolved.temp_folder =
      OptionalText(options.temp_folder.Or(config.temp_folder));
  resolved.max_nbytes = MaxNbytesOf(options.max_nbytes.Or(config.max_nbytes));
  const MmapMode& mmap_mode = options.mmap_mode.Or(config.mmap_mode);
  resolved.mmap_mode = mmap_mode.is_set() ? OptionalText(mmap_mode) : "r";
  CheckMmapMode(resolved.mmap_mode);
  if (options.backend_params.has_value()) {
    resolved.backend_params = options.backend_params.value();
  }
  if (options.backend.has_value()) {
    resolved.backend = MakeBackend(options.backend.value(), {}, config);
  } else {
    resolved.backend = std::move(active.backend);
  }
  // Parallel's own None is the same as unset.
  NJobs n_jobs = options.n_jobs.has_value() ? options.n_jobs : active.n_jobs;
  if (!n_jobs.has_value()) n_jobs = resolved.backend->default_n_jobs();
  resolved.n_jobs = TruncatedNJobs(n_jobs);
  if (options.require.has_value() &&
      options.require.value().value == "sharedmem" &&
      !resolved.backend->supports_sharedmem()) {
    throw std::invalid_argument(
        absl::StrCat("Backend ", ClassNameOf(*resolved.backend),
                     " does not support shared memory"));
  }
  resolved.batch_size = BatchSizeOf(options.batch_size);
  if (options.pre_dispatch.has_value()) {
    resolved.pre_dispatch = options.pre_dispatch.value();
  } else if (options.pre_dispatch.is_none()) {
    throw std::invalid_argument(
        "pre_dispatch must be a number of tasks, 'all' or an expression like "
        "'2 * n_jobs', got: None");
  }
  resolved.timeout = SecondsOf(options.timeout, "timeout");
  resolved.task_timeout = SecondsOf(options.task_timeout, "task_timeout");
  if (options.inner_max_num_threads.has_value()) {
    const std::int64_t n = options.inner_max_num_threads.value().value;
    if (n < 1) {
      throw std::invalid_argument(
          absl::StrCat("inner_max_num_threads must be at least 1, got: ", n));
    }
    resolved.inner_max_num_threads = Clamped(n);
  }
  if (options.max_retries.has_value()) {
    resolved.max_retries = options.max_retries.value().value;
    if (resolved.max_retries < 0) {
      throw std::invalid_argument(absl::StrCat(
          "max_retries must be at least 0, got: ", resolved.max_retries));
    }
  }
  if (options.progress.has_value())
    resolved.progress = options.progress.value();
  if (options.stop_token.has_value()) {
    resolved.stop_token = options.stop_token.value();
  }
  if (options.trace.has_value()) {
    resolved.trace = options.trace.value().value;
  } else if (const char* file = std::getenv("JOBLIB_TRACE");
             file != nullptr && !options.trace.is_set()) {
    resolved.trace = file;
  }
  resolved.caller_runs = CallerRuns(resolved.backend_params, *resolved.backend);
  // Last: what throws has not warned of it.
  WarnOfUnknownParams(resolved.backend_params, *resolved.backend);
  WarnOfUnhonoured(options, *resolved.backend);
  return resolved;
}

}  // namespace joblib::internal
