// Random calls, one after the other and six at once: backends, n_jobs, batch
// sizes, windows, errors, timeouts, stops, dropped generators, nesting. Each
// task ends exactly once, nothing outlives its call, and the workers are as
// many as were asked for.
//
//   stress_test [--rounds=N] [--seed=S]    A failure names its seed and plan.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "joblib/backends/threading/thread_pool.h"
#include "joblib/joblib.h"
#include "tests/parallel/stress_plan.h"
#include "tests/testing/gates.h"

namespace joblib {
namespace {

using testing::Dice;
using testing::How;
using testing::Kind;
using testing::Plan;
using testing::RandomPlan;

int rounds = 300;
std::uint64_t first_seed = 1;

class ThreadPerBatch final : public ParallelBackendBase {
 public:
  int effective_n_jobs(NJobs n_jobs) const override {
    return ThreadingBackend().effective_n_jobs(n_jobs);
  }
  void submit(Batch batch) override {
    std::thread([b = std::move(batch)]() mutable { b.run(); }).detach();
  }
  bool supports_sharedmem() const override { return true; }
};

class Inline final : public ParallelBackendBase {
 public:
  int effective_n_jobs(NJobs) const override { return 2; }
  void submit(Batch batch) override { batch.run(); }
  bool supports_sharedmem() const override { return true; }
};

struct Planned {
  int task;
};
struct InputError {};
struct CallbackError {};

// Shared with the tasks, some of which may outlive their call.
struct State {
  explicit State(const Plan& p)
      : plan(p), started(p.n_tasks), ended(p.n_tasks) {}

  void Complain(const std::string& what) {
    const std::lock_guard<std::mutex> lock(mutex);
    if (complaints.size() < 5) complaints.push_back(what);
  }
  const Plan plan;
  std::vector<std::atomic<int>> started, ended;
  std::atomic<int> running{0};
  testing::Crowd crowd;
  StopSource stop;
  std::mutex mutex;
  std::vector<std::string> complaints;
};

std::int64_t ValueOf(int task) { return std::int64_t{7} * task + 1; }
std::string TextOf(int task) {
  return std::to_string(ValueOf(task)) + std::string(task % 40, 'x');
}

std::int64_t Nested(int depth) {
  std::int64_t sum = 0;
  for (const std::int64_t part : Parallel({.n_jobs = 2, .prefer = "threads"})(
           each(range(4), [depth](int i) {
             return delayed([depth](int n) -> std::int64_t {
               return depth > 1 ? Nested(depth - 1) : n;
             })(i);
           }))) {
    sum += part;
  }
  return sum;
}

void RunTask(const std::shared_ptr<State>& state, int task) {
  const Plan& plan = state->plan;
  if (state->started[task]++ != 0) state->Complain("a task started twice");
  struct Run {
    explicit Run(State& s, int t) : state(s), visit(s.crowd), task(t) {
      ++state.running;
    }
    ~Run() {
      if (state.ended[task]++ != 0) state.Complain("a task ended twice");
      --state.running;
    }
    State& state;
    testing::Crowd::Visit visit;
    const int task;
  };
  const Run run(*state, task);
  if (worker_index() < 0 ||
      (worker_index() >= plan.n_jobs && plan.kind == Kind::kThreading)) {
    state->Complain("a wrong worker index");
  }
  switch ((plan.flavour >> (task % 60)) % 7) {
    case 0: {
      volatile int sink = 0;
      for (int i = 0; i < 2000; ++i) sink = sink + i;
      break;
    }
    case 1:
      std::this_thread::yield();
      break;
    default:
      break;
  }
  if (plan.nesting > 0 && task % 16 == 3) {
    const std::int64_t expected = plan.nesting > 1 ? 24 : 6;
    if (Nested(plan.nesting) != expected) state->Complain("a wrong sum");
  }
  if (task == plan.hangs) {
    while (!stop_requested()) std::this_thread::yield();
  }
  if (task == plan.stops) state->stop.request_stop();
  if (task == plan.task_throws) throw Planned{task};
}

template <class R>
struct Result;
template <>
struct Result<std::int64_t> {
  static std::int64_t Of(int task) { return ValueOf(task); }
};
template <>
struct Result<std::string> {
  static std::string Of(int task) { return TextOf(task); }
};

struct Numbers {
  Range<int>::iterator begin() { return range(n).begin(); }
  Range<int>::iterator end() { return range(n).end(); }
  int n;
};

// How the call ended.
enum class End { kWell, kTask, kInput, kCallback, kStop, kTimeout, kOther };

template <class R, class Tasks>
void RunCall(State& state, Parallel& parallel, Tasks tasks) {
  const Plan& plan = state.plan;
  std::vector<bool> seen(plan.n_tasks);
  int n = 0;
  const auto take = [&](const R& result) {
    int task = n;
    if (plan.how == How::kUnordered) {
      for (task = 0; task < plan.n_tasks; ++task) {
        if (!seen[task] && result == Result<R>::Of(task)) break;
      }
    }
    if (task >= plan.n_tasks || result != Result<R>::Of(task) || seen[task]) {
      state.Complain("a wrong result");
    } else {
      seen[task] = true;
    }
    ++n;
  };
  switch (plan.how) {
    case How::kList:
      for (const R& r : parallel(std::move(tasks))) take(r);
      break;
    case How::kCollect:
      for (const Outcome<R>& r : parallel.collect(std::move(tasks))) {
        if (r.has_value()) {
          take(r.value());
          continue;
        }
        const int task = n++;
        try {
          r.value();
        } catch (const Planned& planned) {
          if (planned.task != task) state.Complain("another task's error");
          seen[task] = true;
        } catch (const CancelledError&) {
          if (plan.stops < 0) state.Complain("cancelled without a stop");
        } catch (const TimeoutError&) {
          if (plan.hangs < 0) state.Complain("a timeout without a hang");
        }
      }
      if (plan.stops >= 0 || plan.hangs >= 0) return;
      break;
    case How::kOrdered:
      for (const R& r : parallel.generator(std::move(tasks))) take(r);
      break;
    case How::kUnordered:
      for (const R& r : parallel.generator_unordered(std::move(tasks))) {
        take(r);
      }
      break;
    case How::kDropped: {
      auto results = parallel.generator(std::move(tasks));
      if (plan.taken == 0) return;
      auto it = results.begin();
      for (int i = 0; i < plan.taken && it != results.end(); ++i, ++it) {
        take(*it);
      }
      return;
    }
  }
  if (n != plan.n_tasks) state.Complain("a wrong number of results");
}

// Runs the planned call and says what was wrong with it.
std::vector<std::string> Run(const Plan& plan) {
  const auto state = std::make_shared<State>(plan);
  const auto token = std::make_shared<int>(0);
  ParallelOptions options;
  options.n_jobs = plan.n_jobs;
  options.pre_dispatch = plan.pre_dispatch;
  if (plan.batch_size > 0) options.batch_size = plan.batch_size;
  switch (plan.kind) {
    case Kind::kSequential:
      options.backend = "sequential";
      break;
    case Kind::kThreading:
      options.backend = "threading";
      if (!plan.caller_runs) {
        options.backend_params = {{"caller_runs", false}};
      }
      break;
    case Kind::kThreadPerBatch:
      options.backend = std::make_shared<ThreadPerBatch>();
      break;
    case Kind::kInline:
      options.backend = std::make_shared<Inline>();
      break;
  }
  if (plan.stops >= 0) options.stop_token = state->stop.token();
  if (plan.hangs >= 0) options.timeout = 0.03;
  std::int64_t events = 0;
  if (plan.progress) {
    options.progress = [&, me = std::this_thread::get_id()](const Progress& p) {
      if (p.done != ++events) state->Complain("progress out of order");
      if (p.total != (plan.tells_length ? plan.n_tasks : -1)) {
        state->Complain("progress with a wrong total");
      }
      if (std::this_thread::get_id() != me) {
        state->Complain("progress on another thread");
      }
      if (p.done == plan.callback_throws) throw CallbackError();
    };
  }
  const auto input = [&](auto run) {
    // What may outlive the call holds no reference into it.
    return [state, token, run, n_read = 0](int task) mutable {
      if (task != n_read++) state->Complain("the input is read out of order");
      if (task == state->plan.input_throws) throw InputError();
      return delayed(run)(state, token, task);
    };
  };
  const auto number = [](const std::shared_ptr<State>& s,
                         const std::shared_ptr<int>&, int task) {
    RunTask(s, task);
    return ValueOf(task);
  };
  const auto text = [](const std::shared_ptr<State>& s,
                       const std::shared_ptr<int>&, int task) {
    RunTask(s, task);
    return TextOf(task);
  };
  End end = End::kWell;
  Parallel parallel(options);
  try {
    const int n = plan.n_tasks;
    if (plan.text_results && plan.tells_length) {
      RunCall<std::string>(*state, parallel, each(range(n), input(text)));
    } else if (plan.text_results) {
      RunCall<std::string>(*state, parallel, each(Numbers{n}, input(text)));
    } else if (plan.tells_length) {
      RunCall<std::int64_t>(*state, parallel, each(range(n), input(number)));
    } else {
      RunCall<std::int64_t>(*state, parallel, each(Numbers{n}, input(number)));
    }
  } catch (const Planned&) {
    end = End::kTask;
  } catch (const InputError&) {
    end = End::kInput;
  } catch (const CallbackError&) {
    end = End::kCallback;
  } catch (const CancelledError&) {
    end = End::kStop;
  } catch (const TimeoutError&) {
    end = End::kTimeout;
  } catch (...) {
    end = End::kOther;
  }
  const bool left_behind = end == End::kTimeout ||
                           (plan.how == How::kCollect && plan.hangs >= 0) ||
                           (plan.how == How::kDropped && plan.hangs >= 0);
  if (left_behind) {
    const auto until = std::chrono::steady_clock::now() + testing::kPatience;
    while ((state->running > 0 || token.use_count() > 1) &&
           std::chrono::steady_clock::now() < until) {
      std::this_thread::yield();
    }
  }
  if (state->running != 0) state->Complain("a task outlives its call");
  if (token.use_count() != 1) state->Complain("a call's arguments outlive it");
  if (events > plan.n_tasks) state->Complain("too much progress");

  const bool may[] = {
      true,
      plan.task_throws >= 0 && plan.how != How::kCollect,
      plan.input_throws >= 0,
      plan.callback_throws >= 0,
      plan.stops >= 0,
      plan.hangs >= 0,
      false,
  };
  if (!may[static_cast<int>(end)]) {
    state->Complain("ended in the wrong way: " +
                    std::to_string(static_cast<int>(end)));
  }
  const bool must_fail =
      plan.how != How::kDropped &&
      ((plan.task_throws >= 0 && plan.task_throws < plan.n_tasks &&
        plan.how != How::kCollect) ||
       (plan.input_throws >= 0 && plan.input_throws < plan.n_tasks &&
        (plan.how != How::kCollect || plan.stops < 0)));
  if (must_fail && end == End::kWell) state->Complain("an error was lost");
  int n_ended = 0;
  for (int task = 0; task < plan.n_tasks; ++task) {
    if (state->started[task] != state->ended[task]) {
      state->Complain("a task did not end");
    }
    n_ended += state->ended[task];
  }
  if (end == End::kWell && plan.how != How::kDropped && plan.stops < 0 &&
      plan.hangs < 0 && n_ended != plan.n_tasks) {
    state->Complain("not all tasks ran");
  }
  if (plan.kind != Kind::kThreadPerBatch &&
      state->crowd.most() > std::max(1, plan.n_jobs)) {
    state->Complain("more tasks at once than n_jobs: " +
                    std::to_string(state->crowd.most()));
  }
  if (plan.plain_loop() && state->crowd.most() > 1) {
    state->Complain("a plain loop in parallel");
  }
  // The object is free again.
  if (plan.hangs < 0 && plan.stops < 0 && !plan.progress) {
    try {
      if (parallel.map([](int n) { return n; }, std::vector<int>{5}) !=
          std::vector<int>{5}) {
        state->Complain("wrong afterwards");
      }
    } catch (const std::exception& e) {
      state->Complain(std::string("unusable afterwards: ") + e.what());
    } catch (...) {
      state->Complain("unusable afterwards");
    }
  }
  const std::lock_guard<std::mutex> lock(state->mutex);
  return state->complaints;
}

// All n_jobs workers work. Batches of one start in the order of the tasks:
// there each group of n_jobs tasks meets, so that each worker has exactly one
// of them.
std::vector<std::string> RunBalanced(Dice& dice) {
  const int n_jobs = dice.Of({2, 3, 4});
  ParallelOptions options = {.n_jobs = n_jobs, .backend = "threading"};
  if (dice.OneIn(2)) options.pre_dispatch = "all";
  if (dice.OneIn(3)) options.backend_params = {{"caller_runs", false}};
  int n_groups = 1;
  if (dice.OneIn(2)) {
    options.batch_size = 1;
    n_groups += dice.Below(20);
  } else if (dice.OneIn(2)) {
    options.batch_size = 1 + dice.Below(2 * n_jobs);
  }
  std::vector<std::unique_ptr<testing::Meeting>> meetings;
  for (int i = 0; i < n_groups; ++i) {
    meetings.push_back(std::make_unique<testing::Meeting>(n_jobs));
  }
  std::vector<std::atomic<int>> counts(n_jobs);
  std::atomic<bool> lost{false};
  Parallel{options}(each(range(n_jobs * n_groups), [&](int i) {
    return delayed([&](int n) {
      if (lost || !meetings[n / n_jobs]->Arrive()) lost = true;
      ++counts[worker_index()];
    })(i);
  }));
  if (lost) return {"a worker is missing"};
  for (const auto& count : counts) {
    if (count != n_groups) return {"unevenly shared"};
  }
  return {};
}

std::vector<std::string> RunOne(std::uint64_t seed, std::string* what) {
  Dice dice(seed);
  if (dice.OneIn(6)) {
    *what = "balanced";
    return RunBalanced(dice);
  }
  const Plan plan = RandomPlan(dice);
  *what = plan.ToString();
  return Run(plan);
}

TEST(StressTest, RandomCalls) {
  const WarningHandler former = set_warning_handler([](const Warning&) {});
  constexpr int kCallers = 6;
  std::uint64_t seed = first_seed;
  std::mutex mutex;
  const auto round = [&](std::uint64_t s) {
    std::string what;
    for (const std::string& complaint : RunOne(s, &what)) {
      const std::lock_guard<std::mutex> lock(mutex);
      ADD_FAILURE() << complaint << "; seed " << s << ": " << what;
    }
  };
  // Half of the rounds alone, half by six callers at once.
  for (int i = 0; i < rounds / 2 && !HasFailure(); ++i) round(seed++);
  std::vector<std::thread> callers;
  for (int c = 0; c < kCallers; ++c) {
    callers.emplace_back([&, mine = seed + c] {
      for (int i = 0; i < rounds / 2 / kCallers; ++i) {
        round(mine + static_cast<std::uint64_t>(i) * kCallers);
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  set_warning_handler(former);
}

TEST(StressTest, AllThreadsComeBack) {
  auto& pool = internal::ThreadPool::Get();
  const auto until = std::chrono::steady_clock::now() + testing::kPatience;
  while (pool.n_idle() < pool.size() &&
         std::chrono::steady_clock::now() < until) {
    std::this_thread::yield();
  }
  EXPECT_EQ(pool.n_idle(), pool.size());
  shutdown();
  while (pool.size() > 0 && std::chrono::steady_clock::now() < until) {
    std::this_thread::yield();
  }
  EXPECT_EQ(pool.size(), 0);
}

}  // namespace
}  // namespace joblib

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    if (argument.starts_with("--rounds=")) {
      joblib::rounds = std::atoi(argv[i] + 9);
    }
    if (argument.starts_with("--seed=")) {
      joblib::first_seed = std::strtoull(argv[i] + 7, nullptr, 10);
    }
  }
  return RUN_ALL_TESTS();
}
