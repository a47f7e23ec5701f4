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
// the task's own exception is thrown. Also thrown: TimeoutError,
// CancelledError, what the input or a callback throws, std::invalid_argument
// for bad options, and std::runtime_error if the object is running already.
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
#include <memory>
#include <type_traits>
#include <utility>
#include <vector>

#include "joblib/core/errors.h"
#include "joblib/core/outcome.h"
#include "joblib/delayed.h"
#include "joblib/each.h"
#include "joblib/parallel/call.h"
#include "joblib/parallel/generator.h"
#include "joblib/parallel/generator_sources.h"
#include "joblib/parallel/kept_call.h"
#include "joblib/parallel/sequential_run.h"
#include "joblib/parallel/typed_source.h"
#include "joblib/parallel/zipped.h"
#include "joblib/parallel_options.h"

namespace joblib {
// Copies share one object, as in Python.
class Parallel {
 public:
  // Keeps the backend's workers between calls, as Python's `with Parallel()`.
  // Must not outlive its end on another thread; ends with the object.
  class [[nodiscard]] Session {
   public:
    // Parallel::session() makes it.
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

  Parallel() : Parallel(ParallelOptions{}) {}  // As the scopes say.
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
      return internal::RunSequentially<R>(call, std::forward<Tasks>(tasks));
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
      return internal::CollectSequentially<R>(call, std::forward<Tasks>(tasks));
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
    internal::FillUp(outcomes, n_tasks, missing.error);
    return outcomes;
  }

  // One delayed call of f per element; of several ranges, as far as the
  // shortest one goes.
  template <class F, class... Ranges>
  typename internal::ListOf<std::decay_t<internal::CallResult<
      std::decay_t<F>, internal::ElementOf<Ranges>...>>>::type
  map(F&& f, Ranges&&... ranges) {
    return (*this)(internal::Zipped<std::decay_t<F>, Ranges...>(
        std::forward<F>(f), std::forward<Ranges>(ranges)...));
  }

  // Begins one; it has to be kept in a variable.
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
