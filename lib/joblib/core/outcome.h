// Outcome<R>: how a task ended: its value, or its error.
//
//   for (joblib::Outcome<double>& o : joblib::Parallel().collect(tasks))
//     if (!o.has_value()) std::puts(o.message().c_str());
//
// A value: moves like R (and copies where R does). Thread-safety: like R.
#ifndef JOBLIB_CORE_OUTCOME_H_
#define JOBLIB_CORE_OUTCOME_H_

#include <exception>
#include <optional>
#include <string>
#include <utility>

namespace joblib {
namespace internal {
struct Nothing {};  // The result of a void task.
// what() of the exception, or its type's name where it has no what().
std::string ExceptionMessage(const std::exception_ptr& error);
}  // namespace internal

template <class R>
class Outcome {
 public:
  // A task that has returned.
  explicit Outcome(R value) : value_(std::move(value)) {}
  // A task that has failed.
  explicit Outcome(std::exception_ptr error)
      : error_(std::move(error)),
        message_(internal::ExceptionMessage(error_)) {}

  // False: there is an error.
  bool has_value() const { return value_.has_value(); }
  // Rethrows the task's error if there is no value.
  R& value() {
    if (!value_) std::rethrow_exception(error_);
    return *value_;
  }
  // The same.
  const R& value() const {
    if (!value_) std::rethrow_exception(error_);
    return *value_;
  }
  // Null if there is a value.
  const std::exception_ptr& error() const { return error_; }
  // The error's text; empty if there is a value.
  const std::string& message() const { return message_; }

 private:
  std::optional<R> value_;
  std::exception_ptr error_;
  std::string message_;
};

// Of a task that returns nothing.
template <>
class Outcome<void> {
 public:
  Outcome() = default;  // A task that has returned.
  // A task that has failed.
  explicit Outcome(std::exception_ptr error)
      : error_(std::move(error)),
        message_(internal::ExceptionMessage(error_)) {}

  // False: there is an error.
  bool has_value() const { return error_ == nullptr; }
  // Rethrows the task's error, if it has one.
  void value() const {
    if (error_ != nullptr) std::rethrow_exception(error_);
  }
  // Null if it has none.
  const std::exception_ptr& error() const { return error_; }
  // The error's text; empty if it has none.
  const std::string& message() const { return message_; }

 private:
  std::exception_ptr error_;
  std::string message_;
};

}  // namespace joblib

#endif  // JOBLIB_CORE_OUTCOME_H_
