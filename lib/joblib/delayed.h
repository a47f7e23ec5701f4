// delayed: a function call kept for later.
//
//   joblib::delayed(std::negate<int>())(3)   // -3, when a worker runs it.
//   joblib::delayed(f)(std::ref(table), i)   // By reference, in this process.
//
// Keeps `f` and decayed copies of its arguments; nothing is evaluated. Each
// call runs once: f gets its stored arguments as rvalues (as with std::thread),
// so that move-only ones can move on. Overload sets and templates can't be
// named alone: wrap them, `delayed([](double x) { return std::abs(x); })`.
#ifndef JOBLIB_DELAYED_H_
#define JOBLIB_DELAYED_H_

#include <functional>
#include <tuple>
#include <type_traits>
#include <utility>

namespace joblib {
namespace internal {

template <class T>
struct Passed {
  using type = T;
  static T&& Pass(T& value) { return std::move(value); }
};
template <class T>
struct Passed<std::reference_wrapper<T>> {
  using type = T&;
  static T& Pass(std::reference_wrapper<T>& value) { return value.get(); }
};

template <class F, class... Args>
using CallResult = std::invoke_result_t<F&, typename Passed<Args>::type...>;

// What they are made of, for what sends them to other processes.
struct CallParts;

}  // namespace internal

// A value: copies and moves as its function and arguments do.
template <class F, class... Args>
class DelayedCall {
  static_assert(
      std::is_invocable_v<F&, typename internal::Passed<Args>::type...>,
      "joblib::delayed(f)(args...): f can't be called with copies of these "
      "arguments, passed as rvalues. For a parameter `T&` use std::ref(x).");

 public:
  // What it returns, by value.
  using result_type = std::decay_t<internal::CallResult<F, Args...>>;

  // Copies or moves them in. delayed() spells it better.
  template <class... A>
  explicit DelayedCall(const F& f, A&&... args)
      : f_(f), args_(std::forward<A>(args)...) {}

  // Runs it: once.
  decltype(auto) operator()() && {
    return std::apply(
        [this](Args&... args) -> decltype(auto) {
          return std::invoke(f_, internal::Passed<Args>::Pass(args)...);
        },
        args_);
  }

 private:
  friend internal::CallParts;
  [[no_unique_address]] F f_;
  [[no_unique_address]] std::tuple<Args...> args_;
};

// A function that waits for its arguments: delayed(f).
template <class F>
class DelayedFunction {
 public:
  // Keeps `f`.
  explicit DelayedFunction(F f) : f_(std::move(f)) {}
  // The call with these arguments, for later.
  template <class... Args>
  DelayedCall<F, std::decay_t<Args>...> operator()(Args&&... args) const {
    return DelayedCall<F, std::decay_t<Args>...>(f_,
                                                 std::forward<Args>(args)...);
  }

 private:
  [[no_unique_address]] F f_;
};

// Copies or moves `f`.
template <class F>
DelayedFunction<std::decay_t<F>> delayed(F&& f) {
  return DelayedFunction<std::decay_t<F>>(std::forward<F>(f));
}

// A closure that may travel to another process by its bytes: see
// wrap_non_picklable_objects.
template <class F>
class NonPicklable {
 public:
  // Keeps `f`.
  explicit NonPicklable(F f) : f_(std::move(f)) {}
  // Calls `f`.
  template <class... Args>
  std::invoke_result_t<const F&, Args...> operator()(Args&&... args) const {
    return std::invoke(f_, std::forward<Args>(args)...);
  }

 private:
  friend internal::CallParts;
  [[no_unique_address]] F f_;
};

// What it captures by reference, and every pointer in it, is stale in another
// process; C++ can't see that. Within one process it is `f` itself.
//
// The second parameter makes g++ 12 look at the closure here: at the end of the
// file, where templates are made, it takes it for not trivially copyable.
template <class F, bool = std::is_trivially_copyable_v<std::decay_t<F>>>
NonPicklable<std::decay_t<F>> wrap_non_picklable_objects(F&& f) {
  return NonPicklable<std::decay_t<F>>(std::forward<F>(f));
}

namespace internal {
template <class T>
inline constexpr bool kDelayed = false;
template <class F, class... Args>
inline constexpr bool kDelayed<DelayedCall<F, Args...>> = true;

struct CallParts {
  template <class F, class... Args>
  static const F& Function(const DelayedCall<F, Args...>& call) {
    return call.f_;
  }
  template <class F, class... Args>
  static const std::tuple<Args...>& Arguments(
      const DelayedCall<F, Args...>& call) {
    return call.args_;
  }
  template <class F>
  static const F& Wrapped(const NonPicklable<F>& wrapper) {
    return wrapper.f_;
  }
};
}  // namespace internal

}  // namespace joblib

#endif  // JOBLIB_DELAYED_H_
