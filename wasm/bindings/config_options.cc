#include "wasm/bindings/config_options.h"

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "wasm/bindings/js_value.h"

namespace joblib::wasm::internal {
namespace {

using emscripten::val;

BackendParam ParamFrom(const val& value, const std::string& where);

BackendParams ParamsFrom(const val& object, const std::string& where) {
  if (object.isNull() || object.isArray() ||
      object.typeOf().as<std::string>() != "object") {
    Refuse(object, where, "an object");
  }
  const val keys = val::global("Object").call<val>("keys", object);
  const auto n_keys = keys["length"].as<std::size_t>();
  BackendParams params;
  for (std::size_t i = 0; i < n_keys; ++i) {
    const auto key = keys[i].as<std::string>();
    params.emplace(key, ParamFrom(object[key], where + "." + key));
  }
  return params;
}

BackendParam ParamFrom(const val& value, const std::string& where) {
  if (value.isTrue() || value.isFalse()) return value.isTrue();
  if (value.isString()) return value.as<std::string>();
  if (value.isNumber()) {
    const auto number = value.as<double>();
    const bool is_whole =
        number == std::floor(number) && std::abs(number) <= kMaxWhole;
    if (!is_whole) return number;
    return static_cast<std::int64_t>(number);
  }
  if (value.isArray()) {
    BackendParam::List list;
    const std::size_t n = LengthAt(value, where);
    for (std::size_t i = 0; i < n; ++i) {
      list.push_back(
          ParamFrom(value[i], where + "[" + std::to_string(i) + "]"));
    }
    return list;
  }
  return ParamsFrom(value, where);
}

std::int64_t WholeFrom(const val& value, const std::string& where) {
  return JsValue<std::int64_t>::From(value, where);
}

// Reads one option after the other, and then knows all their names.
class Reader {
 public:
  explicit Reader(const val& object) : object_(object) {}

  void Number(const char* name, NJobs& option) {
    Read(name, option, &NumberAt);
  }
  void Whole(const char* name, decltype(ConfigOptions::verbose)& option) {
    Read(name, option, &WholeFrom);
  }
  template <class Option>
  void Text(const char* name, Option& option) {
    Read(name, option, &JsValue<std::string>::From);
  }
  using MaxNbytes = decltype(ConfigOptions::max_nbytes);
  void WholeOrText(const char* name, MaxNbytes& option) {
    Read(name, option,
         [](const val& value, const std::string& where) -> MaxNbytes {
           if (value.isString()) return value.as<std::string>();
           return WholeFrom(value, where);
         });
  }
  void Params(const char* name, BackendParamsSetting& option) {
    Read(name, option, &ParamsFrom);
  }
  void RefuseOtherKeys() {
    internal::RefuseOtherKeys(object_, "the call's options", names_);
  }

 private:
  template <class Option, class From>
  void Read(const char* name, Option& option, From from) {
    names_.emplace_back(name);
    const val value = object_[name];
    if (value.isUndefined()) return;
    if (value.isNull()) {
      option = none;
    } else {
      option = from(value, name);
    }
  }

  const val& object_;
  // The loader's own three stand first: what a page may give.
  std::vector<std::string> names_ = {"onProgress", "onWarning", "signal"};
};

}  // namespace

ConfigOptions ConfigOptionsFrom(const val& object) {
  ConfigOptions options;
  Reader reader(object);
  reader.Text("backend", options.backend);
  reader.Number("n_jobs", options.n_jobs);
  reader.Whole("verbose", options.verbose);
  reader.Text("temp_folder", options.temp_folder);
  reader.WholeOrText("max_nbytes", options.max_nbytes);
  reader.Text("mmap_mode", options.mmap_mode);
  reader.Text("prefer", options.prefer);
  reader.Text("require", options.require);
  reader.Whole("inner_max_num_threads", options.inner_max_num_threads);
  reader.Params("backend_params", options.backend_params);
  reader.RefuseOtherKeys();
  return options;
}

}  // namespace joblib::wasm::internal
