#include "tests/conformance/scenario.h"

#include <stdexcept>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "joblib/core/backend_access.h"

namespace joblib::conformance {
namespace {

// ---- The tables' own backends: they are chosen, never run. ----

class PlainBackend : public ParallelBackendBase {
 public:
  explicit PlainBackend(const BackendParams& params) {
    for (const auto& [name, value] : params) {
      if (name != "param") {
        throw std::invalid_argument(absl::StrCat("no such parameter: ", name));
      }
    }
  }

  int effective_n_jobs(NJobs n_jobs) const override {
    if (!n_jobs.has_value()) return 1;
    const double n = n_jobs.value().value;
    return n < 0 ? 5 : static_cast<int>(n);
  }
  void submit(Batch) override { throw std::logic_error("never run"); }
  NJobs default_n_jobs() const override { return 4; }
  // Not unless a backend says so, in Python.
  bool supports_timeout() const override { return false; }
  bool supports_return_generator() const override { return false; }
};

class SharedMemBackend final : public PlainBackend {
 public:
  using PlainBackend::PlainBackend;
  bool supports_sharedmem() const override { return true; }
};

class InnerThreadsBackend final : public PlainBackend {
 public:
  using PlainBackend::PlainBackend;
  bool supports_inner_max_num_threads() const override { return true; }
};

class ThreadLikeBackend final : public ThreadingBackend {};

// ---- Values ----

template <class V>
Setting<V> ToSetting(const Json& value, V (*convert)(const Json&)) {
  if (value.is_null()) return none;
  return convert(value);
}

internal::Text ToText(const Json& value) { return value.text(); }

internal::Integer ToInteger(const Json& value) { return value.integer(); }

internal::JobCount ToJobCount(const Json& value) { return value.number(); }

internal::Seconds ToSeconds(const Json& value) { return value.number(); }

internal::IntegerOrText ToIntegerOrText(const Json& value) {
  if (value.is_text()) return value.text();
  return value.integer();
}

internal::BackendChoice ToBackendChoice(const Json& value) {
  if (value.is_text()) return value.text();
  const auto backend = MakeBackendOfClass(value["$instance"].text());
  if (const Json* args = value.Find("args")) {
    internal::BackendAccess::SetLevelIfUnset(
        *backend, static_cast<int>((*args)["nesting_level"].integer()));
  }
  return backend;
}

BackendParam ToBackendParam(const Json& value) {
  switch (value.kind()) {
    case Json::Kind::kBoolean:
      return value.boolean();
    case Json::Kind::kInteger:
      return value.integer();
    case Json::Kind::kFloating:
      return value.number();
    case Json::Kind::kText:
      return value.text();
    case Json::Kind::kArray: {
      BackendParam::List list;
      for (const Json& item : value.items()) {
        list.push_back(ToBackendParam(item));
      }
      return list;
    }
    case Json::Kind::kObject: {
      BackendParam::Map map;
      for (const auto& [key, item] : value.members()) {
        map.emplace(key, ToBackendParam(item));
      }
      return map;
    }
    case Json::Kind::kNull:
      break;
  }
  throw std::logic_error("a parameter that is None");
}

void AddParam(const std::string& name, const Json& value,
              BackendParamsSetting& setting) {
  BackendParams params;
  if (setting.has_value()) params = setting.value();
  params.emplace(name, ToBackendParam(value));
  setting = std::move(params);
}

// Sets the field of `options` that both kinds of options have; is there one?
template <class Options>
bool SetCommonField(const std::string& key, const Json& value,
                    Options& options) {
  if (key == "backend") {
    options.backend = ToSetting(value, ToBackendChoice);
  } else if (key == "n_jobs") {
    options.n_jobs = ToSetting(value, ToJobCount);
  } else if (key == "verbose") {
    options.verbose = ToSetting(value, ToInteger);
  } else if (key == "temp_folder") {
    options.temp_folder = ToSetting(value, ToText);
  } else if (key == "max_nbytes") {
    options.max_nbytes = ToSetting(value, ToIntegerOrText);
  } else if (key == "mmap_mode") {
    options.mmap_mode = ToSetting(value, ToText);
  } else if (key == "prefer") {
    options.prefer = ToSetting(value, ToText);
  } else if (key == "require") {
    options.require = ToSetting(value, ToText);
  } else if (key == "inner_max_num_threads") {
    options.inner_max_num_threads = ToSetting(value, ToInteger);
  } else if (key == "backend_params") {
    for (const auto& [name, param] : value.members()) {
      AddParam(name, param, options.backend_params);
    }
  } else {
    return false;
  }
  return true;
}

}  // namespace

ConfigOptions ToConfigOptions(const Json& options) {
  ConfigOptions result;
  for (const auto& [key, value] : options.members()) {
    if (SetCommonField(key, value, result)) continue;
    AddParam(key, value, result.backend_params);
  }
  return result;
}

ParallelOptions ToParallelOptions(const Json& options) {
  ParallelOptions result;
  for (const auto& [key, value] : options.members()) {
    if (key == "return_as" || SetCommonField(key, value, result)) continue;
    if (key == "timeout") {
      result.timeout = ToSetting(value, ToSeconds);
    } else if (key == "batch_size") {
      result.batch_size = ToSetting(value, ToIntegerOrText);
    } else if (key == "pre_dispatch") {
      result.pre_dispatch = ToSetting(value, ToIntegerOrText);
    } else {
      AddParam(key, value, result.backend_params);
    }
  }
  return result;
}

Scope::Scope(const Json& scope) {
  ConfigOptions options = ToConfigOptions(scope["options"]);
  const Json* kind = scope.Find("kind");
  if (kind == nullptr || kind->text() == "parallel_config") {
    config_.emplace(std::move(options));
    return;
  }
  if (kind->text() != "parallel_backend") {
    throw std::logic_error(absl::StrCat("no such scope: ", kind->text()));
  }
  ParallelBackendOptions others = {
      .inner_max_num_threads = options.inner_max_num_threads,
      .backend_params = options.backend_params};
  if (options.n_jobs.is_set()) others.n_jobs = options.n_jobs;
  backend_.emplace(options.backend, std::move(others));
}

void Scope::Unregister() {
  if (config_.has_value()) config_->unregister();
  if (backend_.has_value()) backend_->unregister();
}

std::shared_ptr<ParallelBackendBase> MakeBackendOfClass(
    std::string_view class_name, const BackendParams& params) {
  if (class_name == "PlainBackend") {
    return std::make_shared<PlainBackend>(params);
  }
  if (class_name == "SharedMemBackend") {
    return std::make_shared<SharedMemBackend>(params);
  }
  if (class_name == "InnerThreadsBackend") {
    return std::make_shared<InnerThreadsBackend>(params);
  }
  std::shared_ptr<ParallelBackendBase> backend;
  if (class_name == "ThreadLikeBackend") {
    backend = std::make_shared<ThreadLikeBackend>();
  } else if (class_name == "SequentialBackend") {
    backend = std::make_shared<SequentialBackend>();
  } else if (class_name == "ThreadingBackend") {
    backend = std::make_shared<ThreadingBackend>();
  } else if (class_name == "LokyBackend") {
    backend = std::make_shared<LokyBackend>();
  } else if (class_name == "MultiprocessingBackend") {
    backend = std::make_shared<MultiprocessingBackend>();
  } else {
    throw std::logic_error(absl::StrCat("no such class: ", class_name));
  }
  internal::BackendAccess::SetParams(*backend, params);
  return backend;
}

}  // namespace joblib::conformance
