// each and range: Python's "f(x) for x in xs", lazily.
//
//   joblib::each(joblib::range(5), [](int i) { return delayed(f)(i); })
//
// Nothing is evaluated before the call that reads it, which does so once, from
// the front; an endless range is fine. A range given as an lvalue is kept by
// reference and must outlive the reading; any other is moved in.
//
// No <ranges>: one supported standard library hides most of it. A range is what
// has begin() and end() and whose iterator has *, ++ and a comparison.
#ifndef JOBLIB_EACH_H_
#define JOBLIB_EACH_H_

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <type_traits>
#include <utility>

#include "joblib/core/setting.h"

namespace joblib {

// What range() gives: integers that are nowhere stored.
template <class I>
class Range {
 public:
  class iterator {
   public:
    using value_type = I;
    using difference_type = std::ptrdiff_t;
    iterator() = default;
    iterator(I i, I step) : i_(i), step_(step) {}
    I operator*() const { return i_; }
    iterator& operator++() {
      i_ = static_cast<I>(i_ + step_);
      return *this;
    }
    iterator operator++(int) {
      iterator former = *this;
      ++*this;
      return former;
    }
    friend bool operator==(const iterator& a, const iterator& b) {
      return a.i_ == b.i_;
    }

   private:
    I i_{};
    I step_{};
  };

  // As Python's range: empty if `step` leads away from `stop`.
  // Requires step != 0.
  Range(I start, I stop, I step) : start_(start), step_(step) {
    // Modulo 2^64: right for every integer type.
    const auto from = static_cast<std::uint64_t>(start);
    const auto to = static_cast<std::uint64_t>(stop);
    const auto by = static_cast<std::uint64_t>(step);
    if (step > 0 && start < stop) size_ = (to - from - 1) / by + 1;
    if (step < 0 && stop < start) size_ = (from - to - 1) / (0 - by) + 1;
  }
  iterator begin() const { return iterator(start_, step_); }
  iterator end() const {
    return iterator(static_cast<I>(start_ + static_cast<I>(size_) * step_),
                    step_);
  }
  // How many there are.
  std::size_t size() const { return static_cast<std::size_t>(size_); }

 private:
  I start_;
  I step_;
  std::uint64_t size_ = 0;
};

// 0, 1, ... stop - 1.
template <internal::AnyInteger I>
Range<I> range(I stop) {
  return Range<I>(0, stop, 1);
}

// start, start + step, ... as long as it is before `stop`. Requires step != 0.
template <internal::AnyInteger I>
Range<I> range(I start, std::type_identity_t<I> stop,
               std::type_identity_t<I> step = 1) {
  return Range<I>(start, stop, step);
}

namespace internal {
template <class R>
using IteratorOf = decltype(std::begin(std::declval<R&>()));
template <class R>
using SentinelOf = decltype(std::end(std::declval<R&>()));
template <class R>
using ReferenceOf = decltype(*std::declval<IteratorOf<R>&>());
template <class R>
using ElementOf = std::remove_cvref_t<ReferenceOf<R>>;
// It tells its length.
template <class R>
concept Sized = requires(const R& range) {
  std::size(range);
};
}  // namespace internal

// R is an lvalue reference for a range given as an lvalue, else the range.
template <class R, class F>
class Each {
  using Base = std::remove_reference_t<R>;

 public:
  class iterator {
   public:
    using value_type = std::invoke_result_t<F&, internal::ReferenceOf<Base>>;
    using difference_type = std::ptrdiff_t;
    iterator(internal::IteratorOf<Base> position, F* fn)
        : position_(std::move(position)), fn_(fn) {}
    value_type operator*() const { return (*fn_)(*position_); }
    iterator& operator++() {
      ++position_;
      return *this;
    }
    void operator++(int) { ++position_; }
    friend bool operator==(const iterator& a,
                           const internal::SentinelOf<Base>& end) {
      return a.position_ == end;
    }

   private:
    // An iterator's * may be non-const.
    mutable internal::IteratorOf<Base> position_;
    F* fn_;
  };

  // Reads nothing yet.
  Each(R&& range, F fn) : range_(std::forward<R>(range)), fn_(std::move(fn)) {}
  iterator begin() { return iterator(std::begin(range_), &fn_); }
  internal::SentinelOf<Base> end() { return std::end(range_); }
  // How many calls there will be, where the range tells its length.
  std::size_t size() const requires internal::Sized<Base> {
    return static_cast<std::size_t>(std::size(range_));
  }

 private:
  R range_;
  F fn_;
};

// fn(x), a delayed call, for each x of `range`.
template <class R, class F>
Each<R, std::decay_t<F>> each(R&& range, F&& fn) {
  return Each<R, std::decay_t<F>>(std::forward<R>(range), std::forward<F>(fn));
}

}  // namespace joblib

#endif  // JOBLIB_EACH_H_
