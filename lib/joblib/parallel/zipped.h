// Zipped: the calls of Parallel::map.
#ifndef JOBLIB_PARALLEL_ZIPPED_H_
#define JOBLIB_PARALLEL_ZIPPED_H_

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <tuple>
#include <type_traits>
#include <utility>

#include "joblib/delayed.h"
#include "joblib/each.h"

namespace joblib::internal {

// f(x, y, ...) for the elements of ranges that go
// side by side.
template <class F, class... Ranges>
class Zipped {
  template <class R>
  using Base = std::remove_reference_t<R>;
  using Positions = std::tuple<IteratorOf<Base<Ranges>>...>;
  using Ends = std::tuple<SentinelOf<Base<Ranges>>...>;

 public:
  class iterator {
   public:
    using value_type = DelayedCall<F, ElementOf<Base<Ranges>>...>;
    using difference_type = std::ptrdiff_t;
    iterator(const F* f, Positions positions)
        : f_(f), positions_(std::move(positions)) {}
    value_type operator*() const {
      return std::apply(
          [this](auto&... position) { return value_type(*f_, *position...); },
          positions_);
    }
    iterator& operator++() {
      std::apply([](auto&... position) { (++position, ...); }, positions_);
      return *this;
    }
    friend bool operator==(const iterator& a, const Ends& ends) {
      return AtEnd(a.positions_, ends, std::index_sequence_for<Ranges...>());
    }

   private:
    template <std::size_t... kI>
    static bool AtEnd(const Positions& positions, const Ends& ends,
                      std::index_sequence<kI...>) {
      return ((std::get<kI>(positions) == std::get<kI>(ends)) || ...);
    }
    const F* f_;
    mutable Positions positions_;
  };

  template <class G>
  explicit Zipped(G&& f, Ranges&&... ranges)
      : f_(std::forward<G>(f)), ranges_(std::forward<Ranges>(ranges)...) {}
  iterator begin() {
    return std::apply(
        [this](auto&... range) {
          return iterator(&f_, Positions(std::begin(range)...));
        },
        ranges_);
  }
  Ends end() {
    return std::apply([](auto&... range) { return Ends(std::end(range)...); },
                      ranges_);
  }
  std::size_t size() const requires(Sized<Base<Ranges>>&&...) {
    return std::apply(
        [](const auto&... range) {
          return std::min({static_cast<std::size_t>(std::size(range))...});
        },
        ranges_);
  }

 private:
  F f_;
  std::tuple<Ranges...> ranges_;
};

}  // namespace joblib::internal

#endif  // JOBLIB_PARALLEL_ZIPPED_H_
