// A plugin that brings a copy of joblib of its own.
#include "joblib/joblib.h"

extern "C" int SumInThePlugin(int n_jobs) {
  int sum = 0;
  for (const int r :
       joblib::Parallel({.n_jobs = n_jobs, .backend = "threading"})(
           joblib::each(joblib::range(100), [](int i) {
             return joblib::delayed([](int n) { return n; })(i);
           }))) {
    sum += r;
  }
  return sum;
}
