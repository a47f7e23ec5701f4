// Backends that run on two threads of their own, and break the contract where
// a test says so.
#ifndef JOBLIB_TESTS_PARALLEL_FAULTY_BACKEND_H_
#define JOBLIB_TESTS_PARALLEL_FAULTY_BACKEND_H_

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "joblib/joblib.h"
#include "tests/testing/gates.h"

namespace joblib::testing {

// Two threads that run what they are given, and are joined at the end.
class Workers {
 public:
  Workers() {
    for (int i = 0; i < 2; ++i) threads_.emplace_back([this] { Loop(); });
  }
  ~Workers() {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      over_ = true;
    }
    changed_.notify_all();
    for (std::thread& thread : threads_) thread.join();
  }
  void Add(std::function<void()> work) {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      queue_.push_back(std::move(work));
    }
    changed_.notify_one();
  }

 private:
  void Loop() {
    std::unique_lock<std::mutex> lock(mutex_);
    for (;;) {
      changed_.wait(lock, [this] { return over_ || !queue_.empty(); });
      if (queue_.empty()) return;
      std::function<void()> work = std::move(queue_.front());
      queue_.pop_front();
      lock.unlock();
      work();
      work = nullptr;
      lock.lock();
    }
  }
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> queue_;
  bool over_ = false;
  std::vector<std::thread> threads_;
};

struct Planned : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// A proper backend, but for the method that `fault` names.
class FaultyBackend : public ParallelBackendBase {
 public:
  explicit FaultyBackend(std::string fault) : fault_(std::move(fault)) {}

  int effective_n_jobs(NJobs) const override {
    Throw("effective_n_jobs");
    return 2;
  }
  int configure(NJobs n_jobs, const BackendParams& params) override {
    Throw("configure");
    return ParallelBackendBase::configure(n_jobs, params);
  }
  void start_call() override { Throw("start_call"); }
  void submit(Batch batch) override {
    const Crowd::Visit visit(in_submit);
    if (++submitted == 3) Throw("submit");
    const auto kept = std::make_shared<Batch>(std::move(batch));
    workers_.Add([kept] { kept->run(); });
    if (submitted == 3) Throw("after submit");
  }
  void stop_call() override { Throw("stop_call"); }
  void terminate() override { Throw("terminate"); }
  void abort_everything(bool) override { Throw("abort_everything"); }
  std::pair<std::shared_ptr<ParallelBackendBase>, NJobs> get_nested_backend()
      const override {
    Throw("get_nested_backend");
    return {nullptr, none};
  }
  bool supports_timeout() const override {
    Throw("supports_timeout");
    return true;
  }
  bool supports_return_generator() const override {
    Throw("supports_return_generator");
    return true;
  }

  void Repair() { fault_.clear(); }
  Crowd in_submit;
  std::atomic<int> submitted{0};

 private:
  void Throw(const char* method) const {
    if (fault_ == method) throw Planned(fault_);
  }
  std::string fault_;
  Workers workers_;
};

}  // namespace joblib::testing

#endif  // JOBLIB_TESTS_PARALLEL_FAULTY_BACKEND_H_
