// An allocation that fails is an ordinary exception of its task. (The
// sanitizers end the process there instead: see BUILD.bazel.)
#include <cstddef>
#include <cstdint>
#include <limits>
#include <new>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "joblib/joblib.h"
#include "native/thread.h"
#include "tests/backends/process/children.h"

namespace joblib::testing {
namespace {

constexpr int kBad = 13;

void Allocate(int n) {
  const volatile std::size_t bytes =
      std::numeric_limits<std::size_t>::max() / 4;
  if (n == kBad) ::operator delete(::operator new(bytes));
}

TEST(BadAllocTest, ArrivesAsItselfAndCostsNoWorker) {
  Parallel({.n_jobs = 2}).map([](int n) { return n; }, range(20));
  const std::vector<std::int64_t> workers = Children();
  EXPECT_THROW(Parallel({.n_jobs = 2}).map(Allocate, range(20)),
               std::bad_alloc);
  Parallel({.n_jobs = 2}).map([](int n) { return n; }, range(20));
  EXPECT_THAT(Children(), ::testing::UnorderedElementsAreArray(workers));
}

}  // namespace
}  // namespace joblib::testing
