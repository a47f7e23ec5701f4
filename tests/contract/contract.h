// The contract of a backend, as one suite that every backend passes: ours and
// those that a user writes. The tests are in *_contract.cc here; a test program
// links them and names its backends:
//
//   INSTANTIATE_TEST_SUITE_P(Mine, BackendContractTest,
//                            ::testing::Values(BackendUnderTest{...}), NameOf);
#ifndef JOBLIB_TESTS_CONTRACT_CONTRACT_H_
#define JOBLIB_TESTS_CONTRACT_CONTRACT_H_

#include <functional>
#include <memory>
#include <ostream>
#include <string>

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
};

inline void PrintTo(const BackendUnderTest& backend, std::ostream* out) {
  *out << backend.name;
}
inline std::string NameOf(
    const ::testing::TestParamInfo<BackendUnderTest>& info) {
  return info.param.name;
}

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

  const std::shared_ptr<ParallelBackendBase> backend_;
};

}  // namespace joblib::testing

#endif  // JOBLIB_TESTS_CONTRACT_CONTRACT_H_
