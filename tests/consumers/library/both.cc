// Uses joblib itself, and a library that has a copy of its own.
#include <scaler.h>
#include <unistd.h>

#include <cstdio>

#include "joblib/joblib.h"

int main() {
  for (int round = 0; round < 2; ++round) {
    int computed_here = -1;
    const std::vector<double> ys = Scaled({1, 2, 3}, 10, computed_here);
    if (ys != std::vector<double>{10, 20, 30} || computed_here != 0) return 1;
    const auto pids = joblib::Parallel({.n_jobs = 2})(joblib::each(
        joblib::range(4), [](int) { return joblib::delayed(getpid)(); }));
    for (const pid_t pid : pids) {
      if (pid == getpid()) return 2;
    }
  }
  std::puts("ok");
}
