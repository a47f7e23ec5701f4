// The limits on inner threads, as a real OpenBLAS takes them: it reads its
// variable in a constructor, and has its threads from there on.
#include <algorithm>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "joblib/joblib.h"

extern "C" {
int openblas_get_num_threads();
void cblas_dgemm(int order, int transpose_a, int transpose_b, int m, int n,
                 int k, double alpha, const double* a, int lda, const double* b,
                 int ldb, double beta, double* c, int ldc);
}

namespace joblib::testing {
namespace {

using ::testing::Each;

int NumThreads(int) { return openblas_get_num_threads(); }

// Of the square matrix that is `value` everywhere and one of ones, an element.
double Product(double value) {
  constexpr int kSize = 300;
  constexpr int kRowMajor = 101, kAsItIs = 111;
  const std::vector<double> a(kSize * kSize, value), b(kSize * kSize, 1);
  std::vector<double> c(kSize * kSize);
  cblas_dgemm(kRowMajor, kAsItIs, kAsItIs, kSize, kSize, kSize, 1, a.data(),
              kSize, b.data(), kSize, 0, c.data(), kSize);
  return c.back();
}

TEST(OpenBlasTest, WorkersShareTheCpus) {
  const int share = std::max(cpu_count() / 2, 1);
  EXPECT_THAT(Parallel({.n_jobs = 2}).map(NumThreads, range(4)), Each(share));
}

TEST(OpenBlasTest, TheProgramsOwnLimitHolds) {
  // It never has more than there are CPUs.
  for (const int limit : {1, std::min(2, cpu_count())}) {
    const parallel_config config(
        {.backend = "loky", .n_jobs = 2, .inner_max_num_threads = limit});
    EXPECT_THAT(Parallel().map(NumThreads, range(4)), Each(limit));
  }
}

TEST(OpenBlasTest, MultipliesInWorkers) {
  EXPECT_THAT(
      Parallel({.n_jobs = 2}).map(Product, std::vector<double>{1, 2, 3, 4}),
      ::testing::ElementsAre(300, 600, 900, 1200));
  // The program's own threads are as they were.
  EXPECT_EQ(Product(5), 1500);
}

}  // namespace
}  // namespace joblib::testing
