// BackendParams: the free-form parameters of a backend, by name.
//
//   parallel_config scope({.backend = "loky",
//                          .backend_params = {{"idle_worker_timeout", 10}}});
//
// Values: copy like a map.
#ifndef JOBLIB_CORE_BACKEND_PARAMS_H_
#define JOBLIB_CORE_BACKEND_PARAMS_H_

#include <cstdint>
#include <initializer_list>
#include <map>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "joblib/core/setting.h"

namespace joblib {

template <class F, class... Args>
class DelayedCall;

namespace internal {
class ByteWriter;
struct ShippedRunner;
// A delayed call given as a parameter (loky's `initializer`), type erased.
class KeptCall {
 public:
  virtual ~KeptCall() = default;
  // As TaskBlock's: what runs it in another process, and what that gets.
  virtual const ShippedRunner& Runner() const = 0;
  virtual void Encode(ByteWriter& out) const = 0;
};
// Its functions are in core/kept_call.h, which delayed.h brings.
template <class Call>
class TypedKeptCall final : public KeptCall {
 public:
  explicit TypedKeptCall(Call call) : call_(std::move(call)) {}
  const ShippedRunner& Runner() const override;
  void Encode(ByteWriter& out) const override;

 private:
  Call call_;
};
}  // namespace internal

// A number, bool, text, list or map of these, or a delayed call. The map:
// `{{"GPU", 1}}`. Two delayed calls are equal if they are the same object.
// NOLINTBEGIN(google-explicit-constructor,bugprone-forwarding-reference-overload)
class BackendParam {
 public:
  using List = std::vector<BackendParam>;  // Of values of any kinds.
  // By name.
  using Map = std::map<std::string, BackendParam>;

  // A bool, an integer or a double.
  template <internal::AnyNumber N>
  BackendParam(N n) {
    if constexpr (std::is_same_v<N, bool>) {
      value_ = n;
    } else if constexpr (std::is_integral_v<N>) {
      value_ = static_cast<std::int64_t>(n);
    } else {
      value_ = static_cast<double>(n);
    }
  }
  // A text.
  template <internal::AnyText S>
  BackendParam(S&& text) : value_(std::string(std::forward<S>(text))) {}
  // A call, for each worker to run.
  template <class F, class... Args>
  BackendParam(DelayedCall<F, Args...> call)
      : value_(std::shared_ptr<const internal::KeptCall>(
            std::make_shared<internal::TypedKeptCall<DelayedCall<F, Args...>>>(
                std::move(call)))) {}
  // A list.
  BackendParam(List list) : value_(std::move(list)) {}
  // A map.
  BackendParam(Map entries)
      : value_(std::make_shared<const Map>(std::move(entries))) {}
  // A map, spelled out: {{"GPU", 1}}.
  BackendParam(
      std::initializer_list<std::pair<const std::string, BackendParam>> entries)
      : BackendParam(Map(entries)) {}

  // Null where it is no bool.
  const bool* as_bool() const { return std::get_if<bool>(&value_); }
  // Null where it is no integer.
  const std::int64_t* as_integer() const {
    return std::get_if<std::int64_t>(&value_);
  }
  // Null where it is no double.
  const double* as_double() const { return std::get_if<double>(&value_); }
  // Null where it is no text.
  const std::string* as_text() const {
    return std::get_if<std::string>(&value_);
  }
  // Null where it is no list.
  const List* as_list() const { return std::get_if<List>(&value_); }
  // Null where it is no call.
  std::shared_ptr<const internal::KeptCall> as_call() const {
    auto* call =
        std::get_if<std::shared_ptr<const internal::KeptCall>>(&value_);
    return call != nullptr ? *call : nullptr;
  }
  // Null where it is no map.
  const Map* as_map() const {
    auto* map = std::get_if<std::shared_ptr<const Map>>(&value_);
    return map != nullptr ? map->get() : nullptr;
  }

  friend bool operator==(const BackendParam& a, const BackendParam& b) {
    const Map* map_a = a.as_map();
    const Map* map_b = b.as_map();
    if (map_a != nullptr && map_b != nullptr) return *map_a == *map_b;
    return a.value_ == b.value_;
  }

 private:
  std::variant<bool, std::int64_t, double, std::string, List,
               std::shared_ptr<const Map>,
               std::shared_ptr<const internal::KeptCall>>
      value_;
};

// A backend's parameters by name.
using BackendParams = std::map<std::string, BackendParam>;

// Its own class: `{{"a", 1}, {"b", "x"}}` needs an initializer_list constructor
// at the field itself. `{}` means unset.
class BackendParamsSetting : public Setting<BackendParams> {
 public:
  BackendParamsSetting() = default;              // Not given.
  BackendParamsSetting(None) : Setting(none) {}  // None.
  // These.
  BackendParamsSetting(BackendParams params) : Setting(std::move(params)) {}
  // These, spelled out: {{"a", 1}, {"b", "x"}}.
  BackendParamsSetting(
      std::initializer_list<std::pair<const std::string, BackendParam>> entries)
      : Setting(BackendParams(entries)) {}
};

// NOLINTEND(google-explicit-constructor,bugprone-forwarding-reference-overload)
}  // namespace joblib

#endif  // JOBLIB_CORE_BACKEND_PARAMS_H_
