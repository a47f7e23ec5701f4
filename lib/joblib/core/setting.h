// Setting: an option with joblib's three states: not given, None, a value.
//
//   Setting<Integer> verbose;         // Unset: the enclosing scope decides.
//   Setting<Integer> verbose = none;  // Python's explicit None.
//   Setting<Integer> verbose = 10;
//
// Which state wins over which scope is joblib's rule, option by option; a plain
// std::optional can't say it. Values: copy and compare like one. Source:
// joblib.parallel_config's documentation.
#ifndef JOBLIB_CORE_SETTING_H_
#define JOBLIB_CORE_SETTING_H_

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

namespace joblib {

class ParallelBackendBase;
template <class V>
class Setting;

// Python's explicit None. Not constructible from {}: `.n_jobs = {}` stays
// unset.
struct None {
  explicit constexpr None(int) {}  // For `none` alone.
};
// The one value of None.
inline constexpr None none{0};

namespace internal {

template <class T>
concept AnyNumber = std::is_arithmetic_v<T>;
template <class T>
concept AnyInteger = std::is_integral_v<T> && !std::is_same_v<T, bool>;
// Refuses nullptr, which std::string would take and crash on.
template <class T>
concept AnyText = std::is_convertible_v<T, std::string> &&
    !std::is_null_pointer_v<std::remove_cvref_t<T>>;
template <class T>
concept AnyBackend = std::is_convertible_v<T*, ParallelBackendBase*>;

// A program that brings a backend of its own may have several workers on any
// platform: names what their calls need (parallel/call_runner.h), so that the
// linker takes it along.
void ExpectWorkers();

// What each kind of field takes as a value. The converting constructors make
// the fields' spelling; concepts keep copies out of them.
// NOLINTBEGIN(google-explicit-constructor,bugprone-forwarding-reference-overload)
struct Text {
  template <AnyText S>
  Text(S&& text) : value(std::forward<S>(text)) {}
  std::string value;
};

struct BackendChoice {
  template <AnyText S>
  BackendChoice(S&& name) : name(std::forward<S>(name)) {}
  template <AnyBackend D>
  BackendChoice(std::shared_ptr<D> instance) : instance(std::move(instance)) {
    ExpectWorkers();
  }
  std::string name;                               // Where `instance` is null.
  std::shared_ptr<ParallelBackendBase> instance;  // Shared with the caller.
};

// A requested number of jobs; fractions are rounded toward zero when used.
struct JobCount {
  template <AnyNumber N>
  JobCount(N n) : value(static_cast<double>(n)) {}
  double value;
};

struct Integer {
  template <AnyInteger N>
  Integer(N n) : value(static_cast<std::int64_t>(n)) {}
  std::int64_t value;
};

struct Seconds {
  template <AnyNumber N>
  Seconds(N seconds) : value(static_cast<double>(seconds)) {}
  template <class Rep, class Period>
  Seconds(std::chrono::duration<Rep, Period> duration)
      : value(std::chrono::duration<double>(duration).count()) {}
  double value;
};

// batch_size, pre_dispatch, max_nbytes.
struct IntegerOrText {
  template <AnyInteger N>
  IntegerOrText(N n) : number(static_cast<std::int64_t>(n)) {}
  template <AnyText S>
  IntegerOrText(S&& text) : text(std::forward<S>(text)), is_text(true) {}
  std::int64_t number = 0;
  std::string text;
  bool is_text = false;
};

// What a Setting<V> takes as a value: neither another one nor None.
template <class V>
inline constexpr bool kSetting = false;
template <class V>
inline constexpr bool kSetting<Setting<V>> = true;
template <class U, class V>
concept ValueFor = !kSetting<std::remove_cvref_t<U>> &&
                   !std::is_same_v<std::remove_cvref_t<U>, None> &&
                   std::is_convertible_v<U&&, V>;

}  // namespace internal

template <class V>
class Setting {
 public:
  Setting() = default;           // Not given.
  Setting(None) : set_(true) {}  // None.
  // A value.
  template <internal::ValueFor<V> U>
  Setting(U&& value) : set_(true), value_(V(std::forward<U>(value))) {}

  // None or a value was given.
  bool is_set() const { return set_; }
  // None was given.
  bool is_none() const { return set_ && !value_.has_value(); }
  // A value was given.
  bool has_value() const { return value_.has_value(); }
  // Requires has_value().
  const V& value() const { return *value_; }
  // This setting if it is set, else `enclosing`: how scopes merge.
  const Setting& Or(const Setting& enclosing) const {
    return set_ ? *this : enclosing;
  }

 private:
  bool set_ = false;
  std::optional<V> value_;
};

// A number of workers: any number, none or not given.
using NJobs = Setting<internal::JobCount>;
// "r", "r+", "w+", "c", none or not given.
using MmapMode = Setting<internal::Text>;

// NOLINTEND(google-explicit-constructor,bugprone-forwarding-reference-overload)
}  // namespace joblib

#endif  // JOBLIB_CORE_SETTING_H_
