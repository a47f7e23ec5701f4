// The contract of a backend, as suites that every backend passes: ours and
// those that a user writes. The tests are in *_contract.cc here; a test program
// links them and names its backends:
//
//   JOBLIB_TEST_CONTRACT(Mine, std::vector{BackendUnderTest{...}, ...});
//
// Tasks can travel to other processes: free functions, captureless lambdas and
// functors, with values as arguments; what they share with the test is in
// tests/testing/shared_counters.h. What only some backends have is a suite of
// its own, for those alone.
#ifndef JOBLIB_TESTS_CONTRACT_CONTRACT_H_
#define JOBLIB_TESTS_CONTRACT_CONTRACT_H_

#include <functional>
#include <memory>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "joblib/joblib.h"

namespace joblib::testing {

struct BackendUnderTest {
  std::string name;  // Of the case, in the test's output.
  std::function<std::shared_ptr<ParallelBackendBase>()> make;
  int n_jobs = 1;
  // submit() runs the batch before it returns.
  bool runs_in_submit = false;
  // Never runs more batches at once than its n_jobs.
  bool keeps_to_n_jobs = true;
  // Tasks run in other processes: they share no memory with the test, and an
  // abort kills them (DESIGN.md 8.2).
  bool processes = false;
  // A worker's death costs its task alone, and can be had by max_retries and
  // task_timeout.
  bool survives_deaths = false;
  // They are a cluster's: it kills at once, and may run a task twice where one
  // has died.
  bool is_cluster = false;
};

inline void PrintTo(const BackendUnderTest& backend, std::ostream* out) {
  *out << backend.name;
}
inline std::string NameOf(
    const ::testing::TestParamInfo<BackendUnderTest>& info) {
  return info.param.name;
}

// What holds for all.
class BackendContractTest : public ::testing::TestWithParam<BackendUnderTest> {
 protected:
  BackendContractTest() : backend_(GetParam().make()) {}

  // `options` with the backend under test.
  ParallelOptions With(ParallelOptions options = {}) const {
    options.n_jobs = GetParam().n_jobs;
    options.backend = backend_;
    return options;
  }
  int n_workers() const {
    return backend_->effective_n_jobs(GetParam().n_jobs);
  }
  bool is_plain_loop() const { return n_workers() == 1; }
  // Tasks run while the calling thread does something else, several at once.
  bool is_concurrent() const {
    return !is_plain_loop() && !GetParam().runs_in_submit;
  }
  bool processes() const { return GetParam().processes; }
  bool is_cluster() const { return GetParam().is_cluster; }
  bool has_generators() const { return backend_->supports_return_generator(); }

  const std::shared_ptr<ParallelBackendBase> backend_;
};

// Of backends that give generators.
class GeneratorContractTest : public BackendContractTest {};
// Of backends whose tasks may use the test's memory.
class SharedMemoryContractTest : public BackendContractTest {};
// Of backends that survive deaths.
class ProcessContractTest : public BackendContractTest {};

// Those of `backends` that `has` likes.
template <class Predicate>
std::vector<BackendUnderTest> Only(std::vector<BackendUnderTest> backends,
                                   Predicate has) {
  std::vector<BackendUnderTest> some;
  for (BackendUnderTest& backend : backends) {
    if (has(backend)) some.push_back(std::move(backend));
  }
  return some;
}
inline bool HasGenerators(const BackendUnderTest& backend) {
  return backend.make()->supports_return_generator();
}
inline bool SharesMemory(const BackendUnderTest& backend) {
  return !backend.processes;
}
inline bool SurvivesDeaths(const BackendUnderTest& backend) {
  return backend.survives_deaths;
}

// In namespace joblib::testing. `...`: a std::vector<BackendUnderTest>. Suites
// without a backend of theirs are allowed.
#define JOBLIB_TEST_CONTRACT(Prefix, ...)                             \
  INSTANTIATE_TEST_SUITE_P(Prefix, BackendContractTest,               \
                           ::testing::ValuesIn(__VA_ARGS__), NameOf); \
  INSTANTIATE_TEST_SUITE_P(                                           \
      Prefix, GeneratorContractTest,                                  \
      ::testing::ValuesIn(Only(__VA_ARGS__, HasGenerators)), NameOf); \
  INSTANTIATE_TEST_SUITE_P(                                           \
      Prefix, SharedMemoryContractTest,                               \
      ::testing::ValuesIn(Only(__VA_ARGS__, SharesMemory)), NameOf);  \
  INSTANTIATE_TEST_SUITE_P(                                           \
      Prefix, ProcessContractTest,                                    \
      ::testing::ValuesIn(Only(__VA_ARGS__, SurvivesDeaths)), NameOf)

}  // namespace joblib::testing

#endif  // JOBLIB_TESTS_CONTRACT_CONTRACT_H_
