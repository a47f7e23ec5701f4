// A call as a plain loop on the calling thread.
#ifndef JOBLIB_PARALLEL_SEQUENTIAL_RUN_H_
#define JOBLIB_PARALLEL_SEQUENTIAL_RUN_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <iterator>
#include <new>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

#include "joblib/core/errors.h"
#include "joblib/core/outcome.h"
#include "joblib/each.h"
#include "joblib/parallel/call.h"
#include "joblib/parallel/typed_source.h"

namespace joblib::internal {

template <class R>
struct ListOf {
  using type = std::vector<R>;
};
template <>
struct ListOf<void> {
  using type = void;
};

// Room for n results, as far as there can be: a length may be meant as
// "endless" where an error or a stop ends the call.
template <class T>
void ReserveIfPossible(std::vector<T>& results, std::int64_t n) {
  constexpr std::uint64_t kMostBytes = std::uint64_t{1} << 36;
  const std::uint64_t most =
      std::min<std::uint64_t>(kMostBytes / sizeof(T), results.max_size());
  if (n <= 0 || static_cast<std::uint64_t>(n) > most) return;
  try {
    results.reserve(static_cast<std::size_t>(n));
  } catch (const std::bad_alloc&) {
  }
}

// The delayed calls of a range, one by one, read ahead in whole batches as
// joblib does where a batch size is given.
template <class Tasks>
class SequentialInput {
 public:
  using Range = std::remove_reference_t<Tasks>;
  using Call = ElementOf<Range>;

  SequentialInput(Tasks&& tasks, std::int64_t batch_size)
      : tasks_(std::forward<Tasks>(tasks)),
        position_(std::begin(tasks_)),
        end_(std::end(tasks_)),
        batch_size_(batch_size) {}

  bool AtEnd() const { return next_ == read_.size() && position_ == end_; }
  // `use` gets the next call, which dies with that. Requires !AtEnd().
  template <class Use>
  decltype(auto) WithNext(Use use) {
    if (next_ == read_.size()) {
      read_.clear();
      next_ = 0;
      for (std::int64_t i = 0; i < batch_size_ && !(position_ == end_); ++i) {
        read_.push_back(Read());
        ++position_;
      }
    }
    Call call(std::move(read_[next_++]));
    return use(std::move(call));
  }
  // The same for each call to the end of the input, none of it read ahead.
  template <class Use>
  void ForEach(Use use) {
    for (; !(position_ == end_); ++position_) use(Read());
  }

 private:
  Call Read() {
    if constexpr (std::is_same_v<Tasks, std::vector<Call>>) {
      return Call(std::move(*position_));
    } else {
      return Call(*position_);
    }
  }

  Tasks tasks_;
  IteratorOf<Range> position_;
  SentinelOf<Range> end_;
  const std::int64_t batch_size_;
  std::vector<Call> read_;
  std::size_t next_ = 0;  // Of read_.
};

// Runs all of `input`: `run` gets each call.
template <class Input, class Run>
void RunAll(SequentialLoop& loop, Input& input, Run run) {
  if (!loop.watched()) {
    const SequentialLoop::ConfigScope scope(loop);
    input.ForEach([&](auto&& task) {
      run(std::move(task));
      loop.KeepConfig();
    });
    return;
  }
  for (loop.CheckStop(); !input.AtEnd(); loop.CheckStop()) {
    input.WithNext([&](auto&& task) {
      const SequentialLoop::TaskScope scope(loop);
      run(std::move(task));
      loop.EndTask();
    });
  }
}

template <class R, class Tasks>
typename ListOf<R>::type RunSequentially(Call& call, Tasks&& tasks) {
  using Source = TypedSource<Tasks, Keep::kResults>;
  SequentialLoop loop(call);
  const std::int64_t n_tasks = Source::SizeOf(tasks);
  SequentialInput<Tasks> input(std::forward<Tasks>(tasks), loop.batch_size());
  if constexpr (std::is_void_v<R>) {
    RunAll(loop, input, [](auto&& task) { std::move(task)(); });
    loop.Finish();
    call.End();
  } else {
    std::vector<R> results;
    ReserveIfPossible(results, n_tasks);
    RunAll(loop, input,
           [&results](auto&& task) { results.push_back(std::move(task)()); });
    loop.Finish();
    call.End();
    return results;
  }
}

// Tasks that were never read: known by the input's length alone.
template <class R>
void FillUp(std::vector<Outcome<R>>& outcomes, std::int64_t n_tasks,
            const std::exception_ptr& error) {
  if (error == nullptr) return;
  while (static_cast<std::int64_t>(outcomes.size()) < n_tasks) {
    outcomes.emplace_back(error);
  }
}

template <class R, class Tasks>
std::vector<Outcome<R>> CollectSequentially(Call& call, Tasks&& tasks) {
  using Source = TypedSource<Tasks, Keep::kOutcomes>;
  SequentialLoop loop(call);
  const std::int64_t n = Source::SizeOf(tasks);
  std::vector<Outcome<R>> outcomes;
  ReserveIfPossible(outcomes, n);
  SequentialInput<Tasks> input(std::forward<Tasks>(tasks), loop.batch_size());
  while (!input.AtEnd()) {
    try {
      loop.CheckStop();
    } catch (const CancelledError&) {
      FillUp(outcomes, n, std::current_exception());
      break;
    }
    input.WithNext([&](auto&& task) {
      const SequentialLoop::TaskScope scope(loop);
      std::optional<Outcome<R>> outcome;
      try {
        if constexpr (std::is_void_v<R>) {
          std::move(task)();
          outcome.emplace();
        } else {
          outcome.emplace(std::move(task)());
        }
      } catch (...) {
        outcome.emplace(std::current_exception());
      }
      if (!outcome->has_value()) {
        loop.FailTask();
      } else if (const std::exception_ptr late = loop.EndTask()) {
        outcome.emplace(late);
      }
      outcomes.push_back(*std::move(outcome));
    });
  }
  loop.Finish();
  call.End();
  return outcomes;
}

}  // namespace joblib::internal

#endif  // JOBLIB_PARALLEL_SEQUENTIAL_RUN_H_
