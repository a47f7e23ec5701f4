// Scopes as C++ has them: destructors, threads, generators that outlive them.
// Which option wins over which is replayed from joblib's own answers:
// tests/conformance/resolve_replay_test.cc.
#include <atomic>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "joblib/backends/platform.h"
#include "joblib/joblib.h"
#include "joblib/parallel/parallel_state.h"

namespace joblib {
namespace {

using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

internal::Resolved SettingsOf(Parallel parallel) {
  return parallel.state_for_test().resolved();
}
// Of a Parallel that says nothing itself.
int NJobsHere() { return SettingsOf(Parallel()).n_jobs; }
int VerboseHere() { return SettingsOf(Parallel()).verbose; }

bool HasThreads() { return internal::ThreadsAvailable(); }

TEST(ParallelConfigTest, AFieldIsTheInnermostScopesThatSetsIt) {
  const parallel_config outer(
      {.backend = "threading", .n_jobs = 2, .max_nbytes = "1K"});
  const parallel_config middle({.n_jobs = 3, .mmap_mode = "c"});
  const parallel_config inner({.max_nbytes = none});
  const internal::Resolved inside = SettingsOf(Parallel());
  EXPECT_EQ(inside.n_jobs, 3);
  EXPECT_EQ(inside.max_nbytes, std::nullopt);
  EXPECT_EQ(inside.mmap_mode, "c");
  EXPECT_TRUE(inside.backend->uses_threads());
  EXPECT_EQ(SettingsOf(Parallel({.n_jobs = 5})).n_jobs, 5);
}

TEST(ParallelConfigTest, AParallelKeepsWhatItsConstructionFound) {
  std::optional<parallel_config> scope(
      std::in_place, ConfigOptions{.backend = "threading", .n_jobs = 3});
  Parallel inside;
  scope.reset();
  const Parallel outside;
  scope.emplace(ConfigOptions{.backend = "threading", .n_jobs = 4});
  EXPECT_EQ(SettingsOf(inside).n_jobs, 3);
  EXPECT_EQ(SettingsOf(outside).n_jobs, 1);
}

TEST(ParallelConfigTest, TheDestructorAfterUnregisterDoesNothing) {
  std::optional<parallel_config> ended(
      std::in_place, ConfigOptions{.backend = "threading", .n_jobs = 3});
  ended->unregister();
  const parallel_config later({.backend = "threading", .n_jobs = 4});
  ended.reset();
  EXPECT_EQ(NJobsHere(), 4);
}

TEST(ParallelConfigTest, DestructorsMayRunOutOfOrder) {
  // Its end puts right what this test leaves.
  const parallel_config outermost({.backend = "threading", .n_jobs = 7});
  auto a = std::make_unique<parallel_config>(ConfigOptions{.n_jobs = 3});
  auto b = std::make_unique<parallel_config>(ConfigOptions{.n_jobs = 4});
  a.reset();
  EXPECT_EQ(NJobsHere(), 7);
  // As in joblib: what was active at its construction, though that has ended.
  b.reset();
  EXPECT_EQ(NJobsHere(), 3);
}

TEST(ParallelConfigTest, AnExceptionEndsTheScope) {
  try {
    const parallel_config scope({.backend = "threading", .n_jobs = 3});
    throw 42;
  } catch (int) {
  }
  EXPECT_EQ(NJobsHere(), 1);
}

TEST(ParallelConfigTest, AConstructorThatThrowsChangesNothing) {
  const parallel_config outer({.backend = "threading", .n_jobs = 3});
  EXPECT_THROW(parallel_config({.backend = "no such", .n_jobs = 4}),
               std::invalid_argument);
  EXPECT_THROW(parallel_config({.n_jobs = 4, .inner_max_num_threads = 2}),
               std::invalid_argument);
  EXPECT_THROW(
      parallel_config({.n_jobs = 4, .backend_params = {{"caller_runs", 1}}}),
      std::invalid_argument);
  EXPECT_EQ(NJobsHere(), 3);
}

bool IsSequential(const ParallelBackendBase& backend) {
  return dynamic_cast<const SequentialBackend*>(&backend) != nullptr;
}

TEST(ParallelBackendTest, IsAScopeOfABackendAndAllCpus) {
  {
    const parallel_backend scope("threading");
    EXPECT_EQ(NJobsHere(), -1);
    EXPECT_FALSE(IsSequential(*get_active_backend().backend));
    const parallel_backend inner("sequential", {.n_jobs = 3});
    EXPECT_EQ(NJobsHere(), 3);
    EXPECT_TRUE(IsSequential(*get_active_backend().backend));
  }
  EXPECT_EQ(NJobsHere(), 1);
}

TEST(ParallelBackendTest, EndsEarly) {
  parallel_backend scope("threading", {.n_jobs = 3});
  scope.unregister();
  EXPECT_EQ(NJobsHere(), 1);
}

class ScopesOfThreadsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!HasThreads()) GTEST_SKIP() << "one thread";
  }
};

TEST_F(ScopesOfThreadsTest, AreTheirOwn) {
  const parallel_config scope({.backend = "threading", .n_jobs = 3});
  std::thread([] {
    EXPECT_EQ(NJobsHere(), 1);
    const parallel_config own({.backend = "threading", .n_jobs = 4});
    EXPECT_EQ(NJobsHere(), 4);
  }).join();
  EXPECT_EQ(NJobsHere(), 3);
}

TEST_F(ScopesOfThreadsTest, UnregisterElsewhereIsRefusedAndChangesNothing) {
  parallel_config config({.backend = "threading", .n_jobs = 3});
  parallel_backend backend("threading", {.n_jobs = 4});
  std::thread([&] {
    const parallel_config own({.backend = "threading", .n_jobs = 5});
    EXPECT_THAT([&] { config.unregister(); },
                ThrowsMessage<std::logic_error>(HasSubstr("thread")));
    EXPECT_THROW(backend.unregister(), std::logic_error);
    EXPECT_EQ(NJobsHere(), 5);
  }).join();
  EXPECT_EQ(NJobsHere(), 4);
  backend.unregister();
  EXPECT_EQ(NJobsHere(), 3);
}

TEST_F(ScopesOfThreadsTest, ADestructorElsewhereTouchesNobodysConfiguration) {
  const parallel_config outermost({.backend = "threading", .n_jobs = 7});
  auto scope = std::make_unique<parallel_config>(ConfigOptions{.n_jobs = 3});
  std::thread([&] {
    const parallel_config own({.backend = "threading", .n_jobs = 5});
    scope.reset();
    EXPECT_EQ(NJobsHere(), 5);
  }).join();
  EXPECT_EQ(NJobsHere(), 3);
}

class TasksTest : public ::testing::Test {
 protected:
  // What a bare Parallel in each task of a call is set to.
  static std::vector<internal::Resolved> InTasks(Parallel parallel) {
    return parallel(each(range(20), [](int) {
      return delayed([] { return SettingsOf(Parallel()); })();
    }));
  }
};

TEST_F(TasksTest, SeeNoOptionOfTheCallersScopes) {
  if (!HasThreads()) GTEST_SKIP() << "a plain loop runs in the scope";
  const parallel_config scope({.backend = "threading",
                               .n_jobs = 2,
                               .max_nbytes = "1K",
                               .mmap_mode = "c",
                               .prefer = "threads"});
  for (const internal::Resolved& inner : InTasks(Parallel())) {
    EXPECT_EQ(inner.max_nbytes, 1 << 20);
    EXPECT_EQ(inner.mmap_mode, "r");
    EXPECT_EQ(inner.prefer, std::nullopt);
    // joblib's nesting: threads below threads, one job unless it is asked for.
    EXPECT_TRUE(inner.backend->uses_threads());
    EXPECT_EQ(inner.backend->nesting_level(), 1);
    EXPECT_EQ(inner.n_jobs, 1);
  }
}

TEST_F(TasksTest, AreQuietInALoudScope) {
  if (!HasThreads()) GTEST_SKIP() << "a plain loop runs in the scope";
  const parallel_config scope(
      {.backend = "threading", .n_jobs = 2, .verbose = 10});
  EXPECT_EQ(VerboseHere(), 10);
  for (const auto& inner : InTasks(Parallel({.verbose = 0}))) {
    EXPECT_EQ(inner.verbose, 0);
  }
}

TEST_F(TasksTest, OfAPlainLoopSeeTheScopesAroundIt) {
  const parallel_config scope({.backend = "threading", .max_nbytes = "1K"});
  for (const auto& inner : InTasks(Parallel({.n_jobs = 1}))) {
    EXPECT_EQ(inner.max_nbytes, 1 << 10);
  }
}

TEST(GeneratorTest, ReadAfterItsScopeStillRunsUnderIt) {
  std::optional<parallel_config> scope(
      std::in_place, ConfigOptions{.backend = "threading", .n_jobs = 3});
  std::atomic<int> strange{0};
  auto results = Parallel().generator(each(range(100), [&](int i) {
    // The input is the caller's, on whichever thread it is read.
    if (HasThreads() && NJobsHere() != 3) ++strange;
    return delayed([](int n) {
      return SettingsOf(Parallel()).backend->nesting_level() * 100 + n;
    })(i);
  }));
  scope.reset();
  int n = 0;
  const int level = HasThreads() ? 1 : 0;
  for (const int result : results) {
    EXPECT_EQ(result, level * 100 + n++);
    EXPECT_EQ(NJobsHere(), 1);
  }
  EXPECT_EQ(n, 100);
  EXPECT_EQ(strange, 0);
}

}  // namespace
}  // namespace joblib
