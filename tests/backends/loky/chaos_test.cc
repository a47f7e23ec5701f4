// Seeded rounds in which everything happens at once: calls of several threads,
// workers killed and stopped, exceptions, cancelled calls, other sizes of the
// pool, its end. However a round goes, each call ends, each of its tasks has
// one outcome, a value is the right one, an error one of those that such a
// round can cause, and nothing is left: no process, descriptor or memory map.
#include <signal.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <fstream>
#include <random>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "joblib/joblib.h"
#include "tests/backends/process/children.h"
#include "tests/testing/eventually.h"
#include "tests/testing/warning_collector.h"

namespace joblib::testing {
namespace {

using Random = std::mt19937;

int Below(Random& random, int n) {
  return static_cast<int>(random() % static_cast<unsigned>(n));
}

constexpr int kRounds = 500;

// JOBLIB_CHAOS_ROUNDS: more than the ordinary ones.
int Rounds() {
  const char* const rounds = std::getenv("JOBLIB_CHAOS_ROUNDS");
  return rounds != nullptr ? std::atoi(rounds) : kRounds;
}

struct CallPlan {
  int n_jobs;
  int n_tasks;
  int batch_size;  // 0: auto.
  int failing;     // Its task throws; -1: none does.
  int how;         // 0: collect, 1: a list, 2, 3: generators.
  int taken;       // Of a generator; what is left is dropped.
  bool is_cancelled;
};

CallPlan Plan(Random& random) {
  CallPlan plan;
  plan.n_jobs = 1 + Below(random, 4);
  plan.n_tasks = Below(random, 120);
  plan.batch_size = Below(random, 3) == 0 ? 1 + Below(random, 20) : 0;
  plan.failing = Below(random, 3) == 0 ? Below(random, 200) : -1;
  plan.how = Below(random, 4);
  plan.taken = Below(random, 3) == 0 ? Below(random, 20) : plan.n_tasks;
  plan.is_cancelled = Below(random, 5) == 0;
  return plan;
}

// Some of them are at it for long enough to be met.
std::int64_t Task(int n, int failing) {
  if (n == failing) throw std::domain_error("task " + std::to_string(n));
  if (n % 16 == 5) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  return std::int64_t{n} * n;
}

void ExpectExpected(const std::exception_ptr& error, const CallPlan& plan) {
  try {
    std::rethrow_exception(error);
  } catch (const TerminatedWorkerError&) {
  } catch (const CancelledError&) {
    EXPECT_TRUE(plan.is_cancelled);
  } catch (const std::domain_error& e) {
    EXPECT_EQ(e.what(), "task " + std::to_string(plan.failing));
  } catch (const std::exception& e) {
    ADD_FAILURE() << "unexpected: " << e.what();
  }
}

void Call(const CallPlan& plan, const StopToken& stop_token) {
  ParallelOptions options = {.n_jobs = plan.n_jobs,
                             .backend = "loky",
                             .max_retries = plan.n_tasks % 2,
                             .stop_token = stop_token};
  if (plan.batch_size > 0) options.batch_size = plan.batch_size;
  Parallel parallel(options);
  auto tasks = each(range(plan.n_tasks),
                    [&plan](int n) { return delayed(Task)(n, plan.failing); });
  try {
    if (plan.how == 0) {
      const auto outcomes = parallel.collect(tasks);
      ASSERT_EQ(outcomes.size(), static_cast<std::size_t>(plan.n_tasks));
      for (int i = 0; i < plan.n_tasks; ++i) {
        if (outcomes[i].has_value()) {
          EXPECT_EQ(outcomes[i].value(), std::int64_t{i} * i);
          EXPECT_NE(i, plan.failing);
        } else {
          ExpectExpected(outcomes[i].error(), plan);
        }
      }
    } else if (plan.how == 1) {
      const auto values = parallel(tasks);
      ASSERT_EQ(values.size(), static_cast<std::size_t>(plan.n_tasks));
      for (int i = 0; i < plan.n_tasks; ++i) {
        EXPECT_EQ(values[i], std::int64_t{i} * i);
      }
    } else {
      int taken = 0;
      std::int64_t sum = 0;
      auto results = plan.how == 2 ? parallel.generator(tasks)
                                   : parallel.generator_unordered(tasks);
      for (const std::int64_t value : results) {
        if (plan.how == 2) {
          EXPECT_EQ(value, std::int64_t{taken} * taken);
        }
        sum += value;
        if (++taken == plan.taken && taken < plan.n_tasks) return;
      }
      EXPECT_EQ(taken, plan.n_tasks);
      const std::int64_t n = plan.n_tasks;
      EXPECT_EQ(sum, (n - 1) * n * (2 * n - 1) / 6);
    }
  } catch (...) {
    ExpectExpected(std::current_exception(), plan);
  }
}

// What happens to them meanwhile.
void Trouble(Random& random, StopSource& stop) {
  const auto pids = Children();
  const int what = Below(random, 10);
  if (what < 4 && !pids.empty()) {
    const auto pid = static_cast<pid_t>(pids[static_cast<std::size_t>(
        Below(random, static_cast<int>(pids.size())))]);
    kill(pid, what < 3 ? SIGKILL : SIGSEGV);
  } else if (what < 7 && !pids.empty()) {
    const auto pid = static_cast<pid_t>(pids.front());
    kill(pid, SIGSTOP);
    std::this_thread::sleep_for(std::chrono::milliseconds(Below(random, 4)));
    kill(pid, SIGCONT);
  } else if (what == 7) {
    stop.request_stop();
  } else if (what == 8) {
    shutdown();
  } else {
    std::this_thread::sleep_for(std::chrono::microseconds(Below(random, 2000)));
  }
}

// In one order for one seed, but for what the system makes of it.
void Round(unsigned seed) {
  Random random(seed);
  const int n_callers = 1 + Below(random, 3);
  StopSource stop;
  std::vector<std::thread> callers;
  std::atomic<int> calling{n_callers};
  for (int i = 0; i < n_callers; ++i) {
    const CallPlan plan = Plan(random);
    callers.emplace_back([plan, &stop, &calling] {
      Call(plan, plan.is_cancelled ? stop.token() : StopToken());
      calling.fetch_sub(1);
    });
  }
  const int n_troubles = Below(random, 5);
  for (int i = 0; i < n_troubles && calling.load() > 0; ++i) {
    Trouble(random, stop);
  }
  for (std::thread& caller : callers) caller.join();
}

// What each descriptor is of.
std::vector<std::string> Descriptors() {
  std::vector<std::string> all;
  for (const auto& entry :
       std::filesystem::directory_iterator("/proc/self/fd")) {
    std::error_code error;
    all.push_back(std::filesystem::read_symlink(entry.path(), error).string());
  }
  return all;
}
int SharedMaps() {
  std::ifstream maps("/proc/self/maps");
  int n = 0;
  for (std::string line; std::getline(maps, line);) {
    n += line.find("memfd:") != std::string::npos ? 1 : 0;
  }
  return n;
}

TEST(ChaosTest, EachTaskEndsOnceAndNothingIsLeft) {
  const WarningCollector warnings;  // Of dropped generators.
  Round(0);
  shutdown();
  ASSERT_TRUE(Eventually([] { return Children().empty(); }));
  const std::size_t descriptors = Descriptors().size();
  const int maps = SharedMaps();
  for (int round = 1; round <= Rounds(); ++round) {
    SCOPED_TRACE("seed " + std::to_string(round));
    // A round that hangs is found by its seed, in what the test's end shows.
    RecordProperty("round", round);
    Round(static_cast<unsigned>(round));
    if (HasFailure()) break;
  }
  // The pool works as ever.
  EXPECT_EQ(Parallel({.n_jobs = 2}).map(Task, range(3), std::vector(3, -1)),
            (std::vector<std::int64_t>{0, 1, 4}));
  shutdown();
  EXPECT_TRUE(Eventually([] { return Children().empty(); }));
  EXPECT_TRUE(Eventually([&] { return Descriptors().size() <= descriptors; }))
      << ::testing::PrintToString(Descriptors()) << ", " << descriptors
      << " before";
  EXPECT_TRUE(Eventually([&] { return SharedMaps() <= maps; }))
      << SharedMaps() << " shared maps, " << maps << " before";
}

}  // namespace
}  // namespace joblib::testing
