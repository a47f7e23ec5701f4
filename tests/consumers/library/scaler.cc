#include <scaler.h>
#include <unistd.h>

#include <utility>

#include "joblib/joblib.h"

namespace {

std::pair<double, long> Scale(double x, double factor) {
  return {x * factor, getpid()};
}

}  // namespace

[[gnu::visibility("default")]] std::vector<double> Scaled(
    const std::vector<double>& xs, double factor, int& computed_here) {
  std::vector<double> scaled;
  computed_here = 0;
  const auto answers = joblib::Parallel({.n_jobs = 2})(joblib::each(
      xs, [=](double x) { return joblib::delayed(Scale)(x, factor); }));
  for (const auto& [y, pid] : answers) {
    scaled.push_back(y);
    if (pid == getpid()) ++computed_here;
  }
  return scaled;
}

// For programs in other languages: 0 if all is well.
extern "C" [[gnu::visibility("default")]] int scaler_check() {
  int computed_here = -1;
  if (Scaled({1, 2, 3}, 2, computed_here) != std::vector<double>{2, 4, 6}) {
    return 1;
  }
  return computed_here == 0 ? 0 : 2;
}
