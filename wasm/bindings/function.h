// function: exports a C++ function to the page, as emscripten::function does,
// but run where it may block (coordinator.h), and answered by a Promise.
//
//   EMSCRIPTEN_BINDINGS(digits) { joblib::wasm::function("train", &Train); }
//
// Its parameters and its result are C++ values that js_value.h knows. A page
// gives one argument as it is and several as an array: call('add', [1, 2]).
// What the function throws becomes an Error: its name is the C++ type's, its
// message what() says. Calls run one after the other, in their order.
#ifndef WASM_BINDINGS_FUNCTION_H_
#define WASM_BINDINGS_FUNCTION_H_

#include <emscripten/val.h>

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>

#include "wasm/bindings/js_value.h"

namespace joblib::wasm {
namespace internal {

// One call of an exported function. Made, asked and destroyed on the host's
// thread; runs on any.
class Work {
 public:
  virtual ~Work() = default;
  virtual void Run() = 0;
  virtual emscripten::val Result() = 0;  // After a Run that did not throw.
};

class ExportedFunction {
 public:
  virtual ~ExportedFunction() = default;
  // Throws std::invalid_argument for other arguments than the function's.
  virtual std::unique_ptr<Work> Bind(const emscripten::val& arguments) = 0;
};

// Throws std::logic_error where the name is taken.
void Export(const std::string& name, std::unique_ptr<ExportedFunction> f);

// The arguments of a function of `n`, as its page gave them; throws
// std::invalid_argument if these are not `n`.
emscripten::val Argument(const emscripten::val& arguments, std::size_t i,
                         std::size_t n);
void RequireArguments(const emscripten::val& arguments, std::size_t n);

template <class R, class... Args>
class TypedWork final : public Work {
 public:
  template <std::size_t... I>
  TypedWork(R (*f)(Args...), const emscripten::val& arguments,
            std::index_sequence<I...>)
      : f_(f),
        arguments_{JsValue<std::remove_cvref_t<Args>>::From(
            Argument(arguments, I, sizeof...(Args)),
            sizeof...(Args) == 1 ? "the argument"
                                 : "argument " + std::to_string(I + 1))...} {}

  void Run() override {
    std::apply(
        [this](auto&... arguments) {
          if constexpr (std::is_void_v<R>) {
            f_(std::forward<Args>(arguments)...);
          } else {
            result_.emplace(f_(std::forward<Args>(arguments)...));
          }
        },
        arguments_);
  }

  emscripten::val Result() override {
    if constexpr (std::is_void_v<R>) {
      return emscripten::val::undefined();
    } else {
      return JsValue<Value>::To(*result_);
    }
  }

 private:
  using Value =
      std::conditional_t<std::is_void_v<R>, bool, std::remove_cvref_t<R>>;

  R (*const f_)(Args...);
  std::tuple<std::remove_cvref_t<Args>...> arguments_;
  std::optional<Value> result_;
};

template <class R, class... Args>
class TypedFunction final : public ExportedFunction {
 public:
  explicit TypedFunction(R (*f)(Args...)) : f_(f) {}

  std::unique_ptr<Work> Bind(const emscripten::val& arguments) override {
    RequireArguments(arguments, sizeof...(Args));
    return std::make_unique<TypedWork<R, Args...>>(
        f_, arguments, std::index_sequence_for<Args...>());
  }

 private:
  R (*const f_)(Args...);
};

}  // namespace internal

template <class R, class... Args>
void function(const std::string& name, R (*f)(Args...)) {
  internal::Export(name,
                   std::make_unique<internal::TypedFunction<R, Args...>>(f));
}

}  // namespace joblib::wasm

#endif  // WASM_BINDINGS_FUNCTION_H_
