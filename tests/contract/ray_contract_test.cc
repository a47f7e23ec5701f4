// The contract for the ray backend, on a real Ray, which the program starts
// itself.
#include <cstdlib>
#include <memory>
#include <vector>

#include "gtest/gtest.h"
#include "joblib/backends/cluster/ray_backend.h"
#include "joblib/joblib.h"
#include "tests/backends/cluster/engine_python.h"
#include "tests/contract/contract.h"

namespace joblib::testing {
namespace {

std::vector<BackendUnderTest> Ray() {
  return {{.name = "Ray",
           .make = [] { return std::make_shared<RayBackend>(BackendParams{}); },
           .n_jobs = 2,
           .keeps_to_n_jobs = false,
           .processes = true,
           .survives_deaths = true,
           .is_cluster = true}};
}

JOBLIB_TEST_CONTRACT(Cluster, Ray());

}  // namespace
}  // namespace joblib::testing

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  const joblib::testing::EngineHome home;
  unsetenv("RAY_ADDRESS");
  const int failed = RUN_ALL_TESTS();
  joblib::shutdown();
  return failed;
}
