// Calls Parallel, forks, and calls it in both processes again.
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>

#include "joblib/joblib.h"

bool AllElsewhere() {
  const auto pids = joblib::Parallel({.n_jobs = 2})(joblib::each(
      joblib::range(8), [](int) { return joblib::delayed(getpid)(); }));
  for (const pid_t pid : pids) {
    if (pid == getpid()) return false;
  }
  return pids.size() == 8;
}

int main() {
  if (!AllElsewhere()) return 1;
  const pid_t child = fork();
  if (child == 0) _exit(AllElsewhere() ? 0 : 1);
  const bool ours = AllElsewhere();
  int status = -1;
  if (waitpid(child, &status, 0) != child || status != 0 || !ours) return 2;
  std::puts("ok");
}
