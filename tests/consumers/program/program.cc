// Prints "ok" if its tasks ran in worker processes, gave what they should, and
// one that ends its worker is an error of its own.
#include <unistd.h>

#include <cstdio>
#include <string>
#include <utility>

#include "joblib/joblib.h"

using Answer = std::pair<long, std::string>;

Answer Work(const std::string& name, int i) {
  return {getpid(), name + std::to_string(i)};
}

int Reciprocal(int x) {
  if (x == 0) _exit(7);
  return 100 / x;
}

int main() {
  joblib::Parallel parallel({.n_jobs = 2, .backend = "loky"});
  const auto answers = parallel(joblib::each(
      joblib::range(20), [](int i) { return joblib::delayed(Work)("t", i); }));
  for (std::size_t i = 0; i < answers.size(); ++i) {
    if (answers[i].first == getpid()) return 1;
    if (answers[i].second != "t" + std::to_string(i)) return 2;
  }
  const auto outcomes = parallel.collect(joblib::each(
      joblib::range(3), [](int i) { return joblib::delayed(Reciprocal)(i); }));
  if (outcomes[0].has_value() || outcomes[2].value() != 50) return 3;
  std::puts("ok");
}
