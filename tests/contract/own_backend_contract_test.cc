// The contract for a backend written as a user writes one, from the public
// headers alone: a thread for each batch.
#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "joblib/joblib.h"
#include "tests/contract/contract.h"

namespace {

// The program must not end in the middle of a thread's end: what its
// thread_local objects own would be a leak.
class Threads {
 public:
  template <class F>
  static void Start(F run) {
    {
      const std::lock_guard<std::mutex> lock(mu_);
      ++n_alive_;
    }
    std::thread([run = std::move(run)]() mutable {
      run();
      std::unique_lock<std::mutex> lock(mu_);
      --n_alive_;
      std::notify_all_at_thread_exit(ended_, std::move(lock));
    }).detach();
  }
  static void AwaitEnd() {
    std::unique_lock<std::mutex> lock(mu_);
    ended_.wait(lock, [] { return n_alive_ == 0; });
  }

 private:
  // Never destroyed: the last thread may be about to notify.
  static inline std::mutex& mu_ = *new std::mutex;
  static inline std::condition_variable& ended_ = *new std::condition_variable;
  static inline int n_alive_ = 0;
};

class AwaitThreads final : public ::testing::Environment {
 public:
  void TearDown() override { Threads::AwaitEnd(); }
};
const auto* const await_threads =
    ::testing::AddGlobalTestEnvironment(new AwaitThreads);

class ThreadPerBatch final : public joblib::ParallelBackendBase {
 public:
  int effective_n_jobs(joblib::NJobs n_jobs) const override {
    return joblib::ThreadingBackend().effective_n_jobs(n_jobs);
  }
  void submit(joblib::Batch batch) override {
    Threads::Start([b = std::move(batch)]() mutable { b.run(); });
  }
  bool uses_threads() const override { return true; }
  bool supports_sharedmem() const override { return true; }
};

}  // namespace

namespace joblib::testing {

JOBLIB_TEST_CONTRACT(
    Own,
    std::vector{BackendUnderTest{
                    .name = "ThreadPerBatch2",
                    .make = [] { return std::make_shared<ThreadPerBatch>(); },
                    .n_jobs = 2,
                    .keeps_to_n_jobs = false},
                BackendUnderTest{
                    .name = "ThreadPerBatch4",
                    .make = [] { return std::make_shared<ThreadPerBatch>(); },
                    .n_jobs = 4,
                    .keeps_to_n_jobs = false}});

}  // namespace joblib::testing
