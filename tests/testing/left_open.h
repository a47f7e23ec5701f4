// A scope that nobody ends. It stays reachable: leak detectors say nothing.
#ifndef JOBLIB_TESTS_TESTING_LEFT_OPEN_H_
#define JOBLIB_TESTS_TESTING_LEFT_OPEN_H_

#include <mutex>
#include <utility>
#include <vector>

#include "joblib/parallel_config.h"

namespace joblib::testing {

// Any thread may call it, a thread that is ending too.
inline void LeaveScopeOpen(ConfigOptions options) {
  static auto& mutex = *new std::mutex;
  static auto& scopes = *new std::vector<parallel_config*>;
  auto* const scope = new parallel_config(std::move(options));
  const std::lock_guard<std::mutex> lock(mutex);
  scopes.push_back(scope);
}

}  // namespace joblib::testing

#endif  // JOBLIB_TESTS_TESTING_LEFT_OPEN_H_
