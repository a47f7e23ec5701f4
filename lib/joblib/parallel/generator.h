// Generator: the results of a call, one by one.
//
//   for (double& root : joblib::Parallel({.n_jobs = 2}).generator(tasks)) ...
//
// Source: joblib.Parallel's documentation of return_as.
#ifndef JOBLIB_PARALLEL_GENERATOR_H_
#define JOBLIB_PARALLEL_GENERATOR_H_

#include <cstddef>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

#include "joblib/core/outcome.h"

namespace joblib {

// Results of a call, lazily: an input range. Reading it waits for the next
// result and throws the call's error. Destroying it before its end aborts what
// still runs and waits for it. Moves; belongs to one thread at a time.
template <class R>
class Generator {
  using Value = std::conditional_t<std::is_void_v<R>, internal::Nothing, R>;

 public:
  struct sentinel {};
  class iterator {
   public:
    using value_type = R;
    using difference_type = std::ptrdiff_t;
    explicit iterator(Generator* generator) : generator_(generator) {}
    std::add_lvalue_reference_t<R> operator*() const {
      if constexpr (!std::is_void_v<R>) return *generator_->value_;
    }
    iterator& operator++() {
      generator_->Advance();
      return *this;
    }
    void operator++(int) { ++*this; }
    bool operator==(sentinel) const { return !generator_->value_.has_value(); }

   private:
    Generator* generator_;
  };

  // Where results come from. Its destructor closes the call.
  class Source {
   public:
    virtual ~Source() = default;
    // The next result; empty at the end.
    virtual std::optional<Value> Next() = 0;
  };

  // Parallel::generator() makes it.
  explicit Generator(std::unique_ptr<Source> source)
      : source_(std::move(source)) {}
  Generator(Generator&&) noexcept = default;
  Generator& operator=(Generator&&) noexcept = default;

  // Goes on where reading stopped: the first result is waited for here.
  iterator begin() {
    if (!value_.has_value()) Advance();
    return iterator(this);
  }
  sentinel end() const { return {}; }

 private:
  void Advance() {
    value_.reset();
    if (source_ == nullptr) return;
    try {
      // Built, not assigned: R need not be assignable.
      if (std::optional<Value> next = source_->Next()) {
        value_.emplace(*std::move(next));
      }
    } catch (...) {
      source_.reset();
      throw;
    }
    if (!value_.has_value()) source_.reset();
  }

  std::unique_ptr<Source> source_;  // Null at the end.
  std::optional<Value> value_;
};

}  // namespace joblib

#endif  // JOBLIB_PARALLEL_GENERATOR_H_
