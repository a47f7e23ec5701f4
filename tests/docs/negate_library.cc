#include "tests/docs/negate_library.h"

#include <functional>

#include "joblib/joblib.h"

using joblib::delayed;

std::vector<int> NegativesUpTo(int n) {
  return joblib::Parallel()(joblib::each(joblib::range(n), [](int i) {
    return delayed(std::negate<int>())(i + 1);
  }));
}
