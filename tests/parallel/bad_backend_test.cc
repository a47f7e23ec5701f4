// Backends of users that don't keep their side of the contract, or only just.
#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "joblib/joblib.h"
#include "tests/parallel/faulty_backend.h"
#include "tests/testing/gates.h"
#include "tests/testing/warning_collector.h"

namespace joblib {
namespace {

using ::testing::ElementsAre;
using testing::FaultyBackend;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::Planned;
using ::testing::SizeIs;
using ::testing::ThrowsMessage;
using testing::Workers;

auto Tasks(int n, int failing = -1) {
  return each(range(n), [failing](int i) {
    return delayed([failing](int k) {
      if (k == failing) throw k;
      return k;
    })(i);
  });
}

// A backend whose submit is the test's.
class SubmitBackend final : public ParallelBackendBase {
 public:
  explicit SubmitBackend(std::function<void(Batch)> submit)
      : submit_(std::move(submit)) {}
  int effective_n_jobs(NJobs) const override { return 2; }
  void submit(Batch batch) override { submit_(std::move(batch)); }
  void abort_everything(bool) override {
    if (on_abort) on_abort();
  }
  void terminate() override {
    if (on_terminate) on_terminate();
  }
  std::function<void()> on_abort, on_terminate;

 private:
  const std::function<void(Batch)> submit_;
};

std::shared_ptr<SubmitBackend> Submitting(std::function<void(Batch)> submit) {
  return std::make_shared<SubmitBackend>(std::move(submit));
}

TEST(BatchReportTest, ASecondReportIsRefused) {
  int refused = 0;
  const auto refuses = [&](auto report) {
    EXPECT_THAT(report, ThrowsMessage<std::logic_error>(
                            HasSubstr("once for each batch")));
    ++refused;
  };
  EXPECT_THAT(Parallel({.backend = Submitting([&](Batch batch) {
                          EXPECT_GE(batch.size(), 1);
                          batch.run();
                          EXPECT_EQ(batch.size(), 0);
                          refuses([&] { batch.run(); });
                          refuses([&] { batch.fail(nullptr); });
                        })})(Tasks(3)),
              ElementsAre(0, 1, 2));
  EXPECT_EQ(refused, 6);
  Batch empty;
  refuses([&] { empty.run(); });
  EXPECT_EQ(empty.size(), 0);
}

TEST(BatchReportTest, AFailedBatchsErrorIsTheCalls) {
  const auto failing = Submitting([](Batch batch) {
    batch.fail(std::make_exception_ptr(Planned("lost node")));
  });
  EXPECT_THAT([&] { Parallel({.backend = failing})(Tasks(9)); },
              ThrowsMessage<Planned>("lost node"));
  const auto outcomes =
      Parallel({.backend = failing, .batch_size = 2}).collect(Tasks(9));
  ASSERT_THAT(outcomes, SizeIs(9));
  for (const auto& outcome : outcomes) {
    EXPECT_EQ(outcome.message(), "lost node");
  }
  const auto without_error =
      Submitting([](Batch batch) { batch.fail(nullptr); });
  EXPECT_THAT([&] { Parallel({.backend = without_error})(Tasks(9)); },
              ThrowsMessage<CancelledError>(HasSubstr("without an error")));
}

TEST(BatchReportTest, ADroppedBatchIsAnErrorAndNoHang) {
  const auto dropping = Submitting([](Batch) {});
  EXPECT_THAT([&] { Parallel({.backend = dropping})(Tasks(9)); },
              ThrowsMessage<CancelledError>(HasSubstr("dropped")));
  EXPECT_THAT(
      [&] {
        for (int r : Parallel({.backend = dropping}).generator(Tasks(9))) {
          (void)r;
        }
      },
      ThrowsMessage<CancelledError>(HasSubstr("dropped")));
  const auto outcomes = Parallel({.backend = dropping}).collect(Tasks(9));
  ASSERT_THAT(outcomes, SizeIs(9));
  for (const auto& outcome : outcomes) {
    EXPECT_THROW(outcome.value(), CancelledError);
  }
}

TEST(BatchReportTest, ABatchDroppedByAWorkerCostsOnlyItsTasksInCollect) {
  Workers workers;
  int n = 0;
  const auto outcomes =
      Parallel({.backend = Submitting([&](Batch batch) {
                  const auto kept = std::make_shared<Batch>(std::move(batch));
                  if (n++ == 3) {
                    workers.Add([kept] { *kept = Batch(); });
                  } else {
                    workers.Add([kept] { kept->run(); });
                  }
                }),
                .batch_size = 2})
          .collect(Tasks(20));
  ASSERT_THAT(outcomes, SizeIs(20));
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(outcomes[i].has_value(), i != 6 && i != 7) << i;
  }
}

TEST(BatchReportTest, ABatchAssignedOverIsReported) {
  EXPECT_THAT(
      [] {
        Batch former;
        const auto backend = Submitting([&](Batch batch) {
          former = std::move(batch);  // The one before is dropped.
        });
        backend->on_abort = [&] { former = Batch(); };
        Parallel({.backend = backend})(Tasks(9));
      },
      ThrowsMessage<CancelledError>(HasSubstr("dropped")));
}

TEST(SilentBackendTest, AStopReachesABackendThatNeverReports) {
  StopSource stop;
  std::vector<Batch> kept;
  const auto backend = Submitting([&](Batch batch) {
    kept.push_back(std::move(batch));
    if (kept.size() == 2) stop.request_stop();
  });
  backend->on_abort = [&] { kept.clear(); };  // It is terminated.
  EXPECT_THROW(
      Parallel({.backend = backend, .stop_token = stop.token()})(Tasks(9)),
      CancelledError);
}

TEST(SilentBackendTest, ATimeoutEndsACallWhoseBackendNeverReports) {
  std::vector<Batch> kept;
  const auto backend =
      Submitting([&](Batch batch) { kept.push_back(std::move(batch)); });
  Parallel parallel({.backend = backend, .timeout = 0.05});
  EXPECT_THROW(parallel(Tasks(9)), TimeoutError);
  const std::size_t n = kept.size();
  EXPECT_GE(n, 1);
  const auto outcomes = parallel.collect(Tasks(9));
  ASSERT_THAT(outcomes, SizeIs(9));
  for (const auto& outcome : outcomes) {
    EXPECT_THROW(outcome.value(), TimeoutError);
  }
  EXPECT_THROW(
      {
        for (int r : parallel.generator(Tasks(9))) (void)r;
      },
      TimeoutError);
  // They report to nobody: whether run, failed or dropped.
  for (std::size_t i = 0; i < kept.size(); ++i) {
    if (i % 3 == 0) kept[i].run();
    if (i % 3 == 1) kept[i].fail(nullptr);
  }
  kept.clear();
}

TEST(SilentBackendTest, ABackendThatReportsWhenItIsTerminated) {
  std::vector<Batch> kept;
  const auto backend =
      Submitting([&](Batch batch) { kept.push_back(std::move(batch)); });
  backend->on_terminate = [&] { kept.clear(); };
  EXPECT_THROW(Parallel({.backend = backend, .timeout = 0.05})(Tasks(9)),
               TimeoutError);
  EXPECT_THAT(kept, IsEmpty());
}

TEST(SilentBackendTest, AReportFromAnotherThreadLongAfterTheSubmit) {
  std::mutex mutex;
  std::vector<Batch> kept;
  std::atomic<int> n_kept{0};
  const auto backend = Submitting([&](Batch batch) {
    const std::lock_guard<std::mutex> lock(mutex);
    kept.push_back(std::move(batch));
    ++n_kept;
  });
  std::atomic<bool> over{false};
  Workers workers;
  // Reports in the opposite order.
  workers.Add([&] {
    while (!over) {
      std::vector<Batch> some;
      {
        const std::lock_guard<std::mutex> lock(mutex);
        some.swap(kept);
      }
      while (!some.empty()) {
        some.back().run();
        some.pop_back();
      }
      std::this_thread::yield();
    }
  });
  std::vector<int> expected(200);
  for (int i = 0; i < 200; ++i) expected[i] = i;
  EXPECT_EQ(Parallel({.backend = backend})(Tasks(200)), expected);
  over = true;
}

// The backend dies with the Parallel object, on the calling thread: its
// destructor may join the very threads that ran the last batch.
TEST(BackendLifeTest, ABackendThatJoinsItsThreadsInItsDestructor) {
  for (int round = 0; round < 500; ++round) {
    EXPECT_THAT(
        Parallel({.backend = std::make_shared<FaultyBackend>("")})(Tasks(3)),
        ElementsAre(0, 1, 2));
    parallel_config scope({.backend = std::make_shared<FaultyBackend>("")});
    int n = 0;
    for (int r : Parallel().generator(Tasks(3))) EXPECT_EQ(r, n++);
  }
}

class NestingBackend final : public FaultyBackend {
 public:
  NestingBackend() : FaultyBackend("") {}
  std::pair<std::shared_ptr<ParallelBackendBase>, NJobs> get_nested_backend()
      const override {
    return {std::make_shared<FaultyBackend>(""), 2};
  }
};

TEST(BackendLifeTest, ANestedBackendThatJoinsItsThreadsInItsDestructor) {
  for (int round = 0; round < 300; ++round) {
    EXPECT_THAT(
        Parallel({.backend = std::make_shared<NestingBackend>()})(Tasks(3)),
        ElementsAre(0, 1, 2));
  }
}

TEST(BackendLifeTest, TheStepsOfACallInTheirOrder) {
  class Recording final : public ParallelBackendBase {
   public:
    int effective_n_jobs(NJobs) const override { return 2; }
    int configure(NJobs n_jobs, const BackendParams& params) override {
      steps.push_back("configure");
      return ParallelBackendBase::configure(n_jobs, params);
    }
    void start_call() override { steps.push_back("start_call"); }
    void submit(Batch batch) override {
      if (steps.back() != "submit") steps.push_back("submit");
      batch.run();
    }
    void abort_everything(bool ensure_ready) override {
      steps.push_back(ensure_ready ? "abort, ready" : "abort");
    }
    void stop_call() override { steps.push_back("stop_call"); }
    void terminate() override { steps.push_back("terminate"); }
    std::vector<std::string> steps;
  };
  const auto backend = std::make_shared<Recording>();
  Parallel parallel({.backend = backend});
  parallel(Tasks(5));
  EXPECT_THAT(backend->steps, ElementsAre("configure", "start_call", "submit",
                                          "stop_call", "terminate"));
  backend->steps.clear();
  EXPECT_THROW(parallel(Tasks(5, 2)), int);
  EXPECT_THAT(backend->steps, ElementsAre("configure", "start_call", "submit",
                                          "abort", "stop_call", "terminate"));
  backend->steps.clear();
  {
    auto session = parallel.session();
    parallel(Tasks(5));
    EXPECT_THROW(parallel(Tasks(5, 2)), int);
  }
  EXPECT_THAT(backend->steps,
              ElementsAre("configure", "start_call", "submit", "stop_call",
                          "start_call", "submit", "abort, ready", "stop_call",
                          "terminate"));
}

TEST(BackendLifeTest, ABackendThatPassesItsBatchesOnToThreads) {
  class Forwarding final : public ParallelBackendBase {
   public:
    int effective_n_jobs(NJobs) const override { return 3; }
    void submit(Batch batch) override { threads_.submit(std::move(batch)); }

   private:
    ThreadingBackend threads_;
  };
  for (int round = 0; round < 50; ++round) {
    EXPECT_THAT(Parallel({.backend = std::make_shared<Forwarding>()})(Tasks(3)),
                ElementsAre(0, 1, 2));
  }
}

TEST(BackendLifeTest, ABackendDerivedFromThreading) {
  class OneMore final : public ThreadingBackend {
   public:
    int effective_n_jobs(NJobs n_jobs) const override {
      return ThreadingBackend::effective_n_jobs(n_jobs) + 1;
    }
  };
  testing::Meeting three(3);
  Parallel({.n_jobs = 2, .backend = std::make_shared<OneMore>()})(each(
      range(3),
      [&](int) { return delayed([&] { EXPECT_TRUE(three.Arrive()); })(); }));
}

TEST(BackendLifeTest, ABackendWithoutWorkersIsAnError) {
  class Nobody final : public ParallelBackendBase {
   public:
    int effective_n_jobs(NJobs) const override { return 0; }
    void submit(Batch) override {}
  };
  EXPECT_THAT(
      [] { Parallel({.backend = std::make_shared<Nobody>()})(Tasks(3)); },
      ThrowsMessage<std::runtime_error>(
          HasSubstr("Nobody has no active worker")));
}

}  // namespace
}  // namespace joblib
