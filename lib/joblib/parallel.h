// Parallel: runs delayed calls on all cores, in processes or on a cluster.
//
//   std::vector<double> roots = joblib::Parallel({.n_jobs = 2})(
//       joblib::each(xs, [](double x) { return delayed(root)(x); }));
//
// The input is any range of delayed calls (each, a vector, a view) and is read
// lazily, once, by one thread at a time, under the caller's configuration.
// What a Parallel object doesn't say, the parallel_config scopes around its
// construction do.
//
// A task's error is the call's: nothing further starts, running tasks are
// waited for (on threads; see ParallelOptions::timeout for the exception), and
// the task's own exception is thrown. Also thrown: TimeoutError, CancelledError,
// what the input or a callback throws, std::invalid_argument for bad options,
// and std::runtime_error if the object is running already.
//
// Thread-safety: one call at a time for each object; a second one throws.
// Ownership: when a call has returned, nothing of it is alive on another
// thread. A generator may outlive its Parallel; an lvalue input must outlive
// the generator. Source: joblib.Parallel's documentation.
#ifndef JOBLIB_PARALLEL_H_
#define JOBLIB_PARALLEL_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <exception>
#include <iterator>
#include <memory>
#include <new>
#include <optional>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "joblib/core/errors.h"
#include "joblib/core/outcome.h"
#include "joblib/delayed.h"
#include "joblib/each.h"
#include "joblib/parallel/call.h"
#include "joblib/parallel/typed_source.h"
#include "joblib/parallel_options.h"

namespace joblib {
namespace internal {

template <class R>
struct ListOf {
  using type = std::vector<R>;
};
template <>
struct ListOf<void> {
  using type = void;
};

// Room for n results, as far as there can be: a length may be meant as "endless"
// where an error or a stop ends the call.
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

// The calls of Parallel::map: f(x, y, ...) for the elements of ranges that go
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
  std::size_t size() const
    requires requires(const Base<Ranges>&... range) { (std::size(range), ...); }
  {
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

  bool AtEnd() const { return read_.empty() && position_ == end_; }
  // The next call, or what it is made from: `use` gets it. Requires !AtEnd().
  template <class Use>
  decltype(auto) WithNext(Use use) {
    if (batch_size_ > 1) {
      if (read_.empty()) {
        for (std::int64_t i = 0; i < batch_size_ && !(position_ == end_); ++i) {
          read_.push_back(Read());
        }
      }
      Call call = std::move(read_.front());
      read_.pop_front();
      return use(std::move(call));
    }
    Call call = Read();
    return use(std::move(call));
  }

 private:
  Call Read() {
    if constexpr (std::is_same_v<Tasks, std::vector<Call>>) {
      Call call(std::move(*position_));
      ++position_;
      return call;
    } else {
      Call call(*position_);
      ++position_;
      return call;
    }
  }

  Tasks tasks_;
  IteratorOf<Range> position_;
  SentinelOf<Range> end_;
  const std::int64_t batch_size_;
  std::deque<Call> read_;
};

}  // namespace internal

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

namespace internal {

template <class Tasks>
class SequentialStream final
    : public Generator<ResultOf<Tasks>>::Source {
  using R = ResultOf<Tasks>;
  using Value = std::conditional_t<std::is_void_v<R>, Nothing, R>;

 public:
  SequentialStream(Call call, Tasks&& tasks)
      : call_(std::move(call)),
        input_(std::forward<Tasks>(tasks),
               SequentialLoop(call_).batch_size()) {}

  std::optional<Value> Next() override {
    SequentialLoop& loop = Loop();
    loop.CheckStop();
    if (input_.AtEnd()) {
      loop.Finish();
      loop_.reset();
      call_.End();
      return std::nullopt;
    }
    return input_.WithNext([&](auto&& task) -> std::optional<Value> {
      const SequentialLoop::TaskScope scope(loop);
      if constexpr (std::is_void_v<R>) {
        std::move(task)();
        loop.EndTask();
        return Value();
      } else {
        std::optional<Value> value(std::move(task)());
        loop.EndTask();
        return value;
      }
    });
  }

 private:
  SequentialLoop& Loop() {
    if (loop_.has_value()) {
      loop_->Rebind();
    } else {
      loop_.emplace(call_);
    }
    return *loop_;
  }
  Call call_;
  SequentialInput<Tasks> input_;
  std::optional<SequentialLoop> loop_;
};

template <class Tasks>
class ParallelStream final : public Generator<ResultOf<Tasks>>::Source {
  using R = ResultOf<Tasks>;
  using Value = std::conditional_t<std::is_void_v<R>, Nothing, R>;
  using Block = TypedBlock<ElementOf<Tasks>, Keep::kStream>;

 public:
  ParallelStream(Call call, Tasks&& tasks) : call_(std::move(call)) {
    call_.Start(std::make_shared<TypedSource<Tasks, Keep::kStream>>(
        std::forward<Tasks>(tasks)));
  }

  std::optional<Value> Next() override {
    if (next_ == end_) {
      TaskBlock* block;
      if (!call_.Next(&block, &next_, &end_)) {
        call_.End();
        return std::nullopt;
      }
      block_ = static_cast<Block*>(block);
    }
    std::optional<Value>& slot = block_->slots()[next_++];
    std::optional<Value> value(std::move(slot));
    slot.reset();
    return value;
  }

 private:
  Call call_;
  Block* block_ = nullptr;
  std::uint32_t next_ = 0, end_ = 0;
};

}  // namespace internal

// Copies share one object, as in Python.
class Parallel {
 public:
  // Keeps the backend's workers between calls, as Python's `with Parallel()`.
  // Must not outlive its end on another thread; ends with the object.
  class [[nodiscard]] Session {
   public:
    explicit Session(std::shared_ptr<internal::ParallelState> state)
        : state_(std::move(state)) {
      internal::BeginSession(*state_);
    }
    Session(const Session&) = delete;
    Session& operator=(const Session&) = delete;
    ~Session() { internal::EndSession(*state_); }

   private:
    std::shared_ptr<internal::ParallelState> state_;
  };

  Parallel() : Parallel(ParallelOptions{}) {}
  // Throws std::invalid_argument for options that can't be.
  explicit Parallel(const ParallelOptions& options)
      : state_(internal::NewParallelState(options)) {}

  // The results in task order; nothing for void tasks.
  template <class Tasks>
  typename internal::ListOf<internal::ResultOf<Tasks>>::type operator()(
      Tasks&& tasks) {
    using R = internal::ResultOf<Tasks>;
    internal::Call call = Begin<Tasks>(internal::ReturnAs::kList, tasks);
    if (call.sequential()) {
      return RunSequentially<R>(call, std::forward<Tasks>(tasks));
    }
    auto source = std::make_shared<
        internal::TypedSource<Tasks, internal::Keep::kResults>>(
        std::forward<Tasks>(tasks));
    call.Run(source);
    if constexpr (!std::is_void_v<R>) return source->store().TakeVector();
  }

  // The results in task order as they are asked for (return_as="generator").
  // Dispatching starts here, but for a sequential call. Never more than
  // pre_dispatch tasks have started and were not taken: the input may be
  // endless.
  template <class Tasks>
  Generator<internal::ResultOf<Tasks>> generator(Tasks&& tasks) {
    return Stream(internal::ReturnAs::kGenerator, std::forward<Tasks>(tasks));
  }

  // The same in the order in which tasks end.
  template <class Tasks>
  Generator<internal::ResultOf<Tasks>> generator_unordered(Tasks&& tasks) {
    return Stream(internal::ReturnAs::kGeneratorUnordered,
                  std::forward<Tasks>(tasks));
  }

  // Every task's value or error, in task order. Doesn't throw for a task: where
  // the call ends early (timeout, stop), the tasks without a result have that
  // error. Throws what the input or a callback throws.
  template <class Tasks>
  std::vector<Outcome<internal::ResultOf<Tasks>>> collect(Tasks&& tasks) {
    using R = internal::ResultOf<Tasks>;
    internal::Call call = Begin<Tasks>(internal::ReturnAs::kOutcomes, tasks);
    if (call.sequential()) {
      return CollectSequentially<R>(call, std::forward<Tasks>(tasks));
    }
    auto source = std::make_shared<
        internal::TypedSource<Tasks, internal::Keep::kOutcomes>>(
        std::forward<Tasks>(tasks));
    const std::int64_t n_tasks = source->n_tasks();
    const internal::Call::Missing missing = call.RunForOutcomes(source);
    if (missing.memory_in_use) source->store().KeepMemory();
    std::vector<Outcome<R>> outcomes;
    outcomes.reserve(static_cast<std::size_t>(
        std::max<std::int64_t>(n_tasks, missing.read)));
    source->store().TakeAll(
        [&](Outcome<R>&& outcome) { outcomes.push_back(std::move(outcome)); },
        [&] { outcomes.emplace_back(missing.error); });
    FillUp(outcomes, n_tasks, missing.error);
    return outcomes;
  }

  // One delayed call of f per element; of several ranges, as far as the
  // shortest one goes.
  template <class F, class... Ranges>
  typename internal::ListOf<std::decay_t<internal::CallResult<
      std::decay_t<F>, internal::ElementOf<Ranges>...>>>::type
  map(F&& f, Ranges&&... ranges) {
    return (*this)(
        internal::Zipped<std::decay_t<F>, Ranges...>(
            std::forward<F>(f), std::forward<Ranges>(ranges)...));
  }

  Session session() { return Session(state_); }

  // For tests of the library.
  internal::ParallelState& state_for_test() { return *state_; }

 private:
  template <class Tasks>
  internal::Call Begin(internal::ReturnAs return_as,
                       const std::remove_reference_t<Tasks>& tasks) {
    using Source = internal::TypedSource<Tasks, internal::Keep::kResults>;
    return internal::Call(state_, return_as, Source::SizeOf(tasks));
  }

  template <class R, class Tasks>
  static typename internal::ListOf<R>::type RunSequentially(
      internal::Call& call, Tasks&& tasks) {
    using Source = internal::TypedSource<Tasks, internal::Keep::kResults>;
    internal::SequentialLoop loop(call);
    if constexpr (std::is_void_v<R>) {
      internal::SequentialInput<Tasks> input(std::forward<Tasks>(tasks),
                                             loop.batch_size());
      for (loop.CheckStop(); !input.AtEnd(); loop.CheckStop()) {
        input.WithNext([&](auto&& task) {
          const internal::SequentialLoop::TaskScope scope(loop);
          std::move(task)();
          loop.EndTask();
        });
      }
      loop.Finish();
      call.End();
    } else {
      std::vector<R> results;
      const std::int64_t n = Source::SizeOf(tasks);
      internal::ReserveIfPossible(results, n);
      internal::SequentialInput<Tasks> input(std::forward<Tasks>(tasks),
                                             loop.batch_size());
      for (loop.CheckStop(); !input.AtEnd(); loop.CheckStop()) {
        input.WithNext([&](auto&& task) {
          const internal::SequentialLoop::TaskScope scope(loop);
          results.push_back(std::move(task)());
          loop.EndTask();
        });
      }
      loop.Finish();
      call.End();
      return results;
    }
  }

  template <class R, class Tasks>
  static std::vector<Outcome<R>> CollectSequentially(internal::Call& call,
                                                     Tasks&& tasks) {
    using Source = internal::TypedSource<Tasks, internal::Keep::kOutcomes>;
    internal::SequentialLoop loop(call);
    const std::int64_t n = Source::SizeOf(tasks);
    std::vector<Outcome<R>> outcomes;
    internal::ReserveIfPossible(outcomes, n);
    internal::SequentialInput<Tasks> input(std::forward<Tasks>(tasks),
                                           loop.batch_size());
    while (!input.AtEnd()) {
      try {
        loop.CheckStop();
      } catch (const CancelledError&) {
        FillUp(outcomes, n, std::current_exception());
        break;
      }
      input.WithNext([&](auto&& task) {
        const internal::SequentialLoop::TaskScope scope(loop);
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

  // Tasks that were never read: known by the input's length alone.
  template <class R>
  static void FillUp(std::vector<Outcome<R>>& outcomes, std::int64_t n_tasks,
                     const std::exception_ptr& error) {
    if (error == nullptr) return;
    while (static_cast<std::int64_t>(outcomes.size()) < n_tasks) {
      outcomes.emplace_back(error);
    }
  }

  template <class Tasks>
  Generator<internal::ResultOf<Tasks>> Stream(internal::ReturnAs return_as,
                                              Tasks&& tasks) {
    using R = internal::ResultOf<Tasks>;
    std::unique_ptr<typename Generator<R>::Source> source;
    internal::Call call = Begin<Tasks>(return_as, tasks);
    if (call.sequential()) {
      source = std::make_unique<internal::SequentialStream<Tasks>>(
          std::move(call), std::forward<Tasks>(tasks));
    } else {
      source = std::make_unique<internal::ParallelStream<Tasks>>(
          std::move(call), std::forward<Tasks>(tasks));
    }
    return Generator<R>(std::move(source));
  }

  std::shared_ptr<internal::ParallelState> state_;
};

}  // namespace joblib

#endif  // JOBLIB_PARALLEL_H_
