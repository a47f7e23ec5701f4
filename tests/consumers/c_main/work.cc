#include <unistd.h>

#include "joblib/joblib.h"

extern "C" int work_check(void) {
  const auto pids = joblib::Parallel({.n_jobs = 2})(joblib::each(
      joblib::range(4), [](int) { return joblib::delayed(getpid)(); }));
  for (const pid_t pid : pids) {
    if (pid == getpid()) return 1;
  }
  return 0;
}
