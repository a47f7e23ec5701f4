// The contract for the backends that joblib brings, and for the simplest one
// that a user could write.
#include <memory>
#include <type_traits>
#include <vector>

#include "gtest/gtest.h"
#include "joblib/backends/platform.h"
#include "joblib/joblib.h"
#include "tests/contract/contract.h"

namespace joblib::testing {
namespace {

// Runs each batch inside of submit, but is no plain loop: Parallel takes it for
// one with two workers.
class InlineBackend final : public ParallelBackendBase {
 public:
  int effective_n_jobs(NJobs) const override { return 2; }
  void submit(Batch batch) override { batch.run(); }
  bool supports_sharedmem() const override { return true; }
};

template <class B>
BackendUnderTest Case(const char* name, int n_jobs) {
  constexpr bool kHasProcesses = std::is_same_v<B, LokyBackend> ||
                                 std::is_same_v<B, MultiprocessingBackend>;
  return {.name = name,
          .make = [] { return std::make_shared<B>(); },
          .n_jobs = n_jobs,
          .runs_in_submit = std::is_same_v<B, InlineBackend>,
          .processes = kHasProcesses,
          .survives_deaths = kHasProcesses};
}

std::vector<BackendUnderTest> BuiltinBackends() {
  std::vector<BackendUnderTest> backends = {
      Case<SequentialBackend>("Sequential", 1),
      Case<ThreadingBackend>("Threading1", 1),
      Case<ThreadingBackend>("Threading2", 2),
      Case<ThreadingBackend>("Threading4", 4),
      Case<InlineBackend>("Inline", 2)};
  if (internal::OwnPlatform().processes) {
    backends.push_back(Case<LokyBackend>("Loky2", 2));
    backends.push_back(Case<LokyBackend>("Loky4", 4));
    backends.push_back(Case<MultiprocessingBackend>("Multiprocessing2", 2));
  }
  return backends;
}

JOBLIB_TEST_CONTRACT(Builtin, BuiltinBackends());

// The suite leaves out what needs workers where a backend says it has one: that
// must be so on a platform without threads, and nowhere else.
TEST(BuiltinBackendsTest, HaveAsManyWorkersAsThePlatformAllows) {
  for (const int n_jobs : {1, 2, 4}) {
    EXPECT_EQ(SequentialBackend().effective_n_jobs(n_jobs), 1);
    EXPECT_EQ(ThreadingBackend().effective_n_jobs(n_jobs),
              internal::ThreadsAvailable() ? n_jobs : 1);
  }
  EXPECT_EQ(internal::ThreadsAvailable(), internal::OwnPlatform().threads);
}

}  // namespace
}  // namespace joblib::testing
