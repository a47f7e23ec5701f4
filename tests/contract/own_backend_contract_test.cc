// The contract for a backend written as a user writes one, from the public
// headers alone: a thread for each batch.
#include <memory>
#include <thread>
#include <utility>

#include "gtest/gtest.h"
#include "joblib/joblib.h"
#include "tests/contract/contract.h"

namespace {

class ThreadPerBatch final : public joblib::ParallelBackendBase {
 public:
  int effective_n_jobs(joblib::NJobs n_jobs) const override {
    return joblib::ThreadingBackend().effective_n_jobs(n_jobs);
  }
  void submit(joblib::Batch batch) override {
    std::thread([b = std::move(batch)]() mutable { b.run(); }).detach();
  }
  bool uses_threads() const override { return true; }
  bool supports_sharedmem() const override { return true; }
};

}  // namespace

namespace joblib::testing {

INSTANTIATE_TEST_SUITE_P(
    Own, BackendContractTest,
    ::testing::Values(
        BackendUnderTest{
            .name = "ThreadPerBatch2",
            .make = [] { return std::make_shared<ThreadPerBatch>(); },
            .n_jobs = 2,
            .keeps_to_n_jobs = false},
        BackendUnderTest{
            .name = "ThreadPerBatch4",
            .make = [] { return std::make_shared<ThreadPerBatch>(); },
            .n_jobs = 4,
            .keeps_to_n_jobs = false}),
    NameOf);

}  // namespace joblib::testing
