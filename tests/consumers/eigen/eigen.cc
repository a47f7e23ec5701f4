// A program with Eigen.
#include "joblib/eigen.h"

#include <cstdio>
#include <utility>

#include "joblib/joblib.h"

static Eigen::VectorXd Scaled(const joblib::Array<double>& values, int factor) {
  return joblib::eigen_map<Eigen::VectorXd>(values) * factor;
}

int main() {
  Eigen::VectorXd ones = Eigen::VectorXd::Ones(10);
  const auto values = joblib::from_eigen(std::move(ones));
  const auto scaled = joblib::Parallel({.n_jobs = 2})(
      joblib::each(joblib::range(1, 3),
                   [&](int i) { return joblib::delayed(Scaled)(values, i); }));
  std::printf("%g %g\n", scaled[0].sum(), scaled[1].sum());
}
