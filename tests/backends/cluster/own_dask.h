// OwnDask: tests of a Dask whose scheduler and workers they start and end.
#ifndef JOBLIB_TESTS_BACKENDS_CLUSTER_OWN_DASK_H_
#define JOBLIB_TESTS_BACKENDS_CLUSTER_OWN_DASK_H_

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "joblib/joblib.h"
#include "tests/backends/cluster/engine_process.h"
#include "tests/testing/eventually.h"
#include "tests/testing/gates.h"

namespace joblib::testing {

class OwnDask : public ::testing::Test {
 protected:
  explicit OwnDask(const std::string& protocol = "tcp")
      : port_(std::to_string(FreePort())),
        address_(protocol + "://127.0.0.1:" + port_),
        folder_(
            std::filesystem::path(::testing::TempDir()) /
            ::testing::UnitTest::GetInstance()->current_test_info()->name()) {
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
  }
  ~OwnDask() override { shutdown(); }

  // `more`: words for its command line.
  void StartScheduler(const std::vector<std::string>& more = {}) {
    scheduler_ = Start({"-m", "distributed.cli.dask_scheduler", "--host",
                        "127.0.0.1", "--port", port_, "--no-dashboard"},
                       more);
  }
  EngineProcess StartWorker(const std::vector<std::string>& more = {}) const {
    return Start({"-m", "distributed.cli.dask_worker", address_, "--no-nanny",
                  "--nthreads", "1", "--no-dashboard"},
                 more);
  }
  ConfigOptions Here(int connect_timeout = 60) const {
    return {.backend = "dask",
            .backend_params = {{"scheduler_host", address_},
                               {"connect_timeout", connect_timeout},
                               {"wait_for_workers_timeout", 60}}};
  }
  // Under Here().
  static bool AwaitWorkers(int n) {
    return Eventually([n] { return effective_n_jobs(-1) == n; }, kPatience);
  }

  const std::string port_, address_;
  const std::filesystem::path folder_;
  EngineProcess scheduler_;

 private:
  static EngineProcess Start(std::vector<std::string> words,
                             const std::vector<std::string>& more) {
    words.insert(words.end(), more.begin(), more.end());
    return EngineProcess(std::move(words));
  }
};

}  // namespace joblib::testing

#endif  // JOBLIB_TESTS_BACKENDS_CLUSTER_OWN_DASK_H_
