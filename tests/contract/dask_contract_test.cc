// The contract for the dask backend, on a real cluster of two workers.
#include <memory>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "joblib/backends/cluster/dask_backend.h"
#include "joblib/joblib.h"
#include "tests/backends/cluster/engine_python.h"
#include "tests/contract/contract.h"

namespace joblib::testing {
namespace {

// The suites are made before main(), which starts the cluster.
std::string& Scheduler() {
  static std::string address = "not started";
  return address;
}

std::vector<BackendUnderTest> Dask() {
  return {{.name = "Dask",
           .make =
               [] {
                 return std::make_shared<DaskDistributedBackend>(
                     BackendParams{{"scheduler_host", Scheduler()}});
               },
           .n_jobs = 2,
           .keeps_to_n_jobs = false,
           .processes = true,
           .survives_deaths = true,
           .is_cluster = true}};
}

JOBLIB_TEST_CONTRACT(Cluster, Dask());

}  // namespace
}  // namespace joblib::testing

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  const joblib::testing::EngineHome home;
  const joblib::dask::LocalCluster cluster({.n_workers = 2});
  joblib::testing::Scheduler() = cluster.address();
  return RUN_ALL_TESTS();
}
