// What a replay sees of the library, in the tables' form, and its comparison
// with what they expect.
//
//   WarningCollector warnings;
//   const Json error = ErrorOf([] { Parallel({.prefer = "x"}); });
//   ExpectSame(c.expect["error"], error);
//   ExpectSame(c.expect["warnings"], warnings.Take());

#ifndef JOBLIB_TESTS_CONFORMANCE_OBSERVATION_H_
#define JOBLIB_TESTS_CONFORMANCE_OBSERVATION_H_

#include <functional>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "joblib/core/warning.h"
#include "tests/conformance/json.h"

namespace joblib::conformance {

// Collects the library's warnings while it lives. Thread-safety: any thread may
// warn.
// False: the library's own warnings, once in a process, of a program with
// threads that is to be forked (//tests/backends/multiprocessing) and of a
// control group that dies as one (//tests/native:cgroup_quota_test). joblib
// says nothing there.
bool IsOneOfJoblibs(const Warning& warning);

class WarningCollector {
 public:
  WarningCollector();
  WarningCollector(const WarningCollector&) = delete;
  WarningCollector& operator=(const WarningCollector&) = delete;
  ~WarningCollector();

  // Those since the last time: [{"category": ..., "message": ...}, ...].
  Json Take() ABSL_LOCKS_EXCLUDED(mu_);

 private:
  absl::Mutex mu_;
  Json::Items warnings_ ABSL_GUARDED_BY(mu_);
  WarningHandler former_;
};

// What `body` throws: {"type": the C++ class, "message": ...}; else null. A
// std::logic_error itself passes through: it is the test's own.
Json ErrorOf(const std::function<void()>& body);

// Fails the test where they differ, member by member. In an error the expected
// type is Python's, `is_a` is not looked at, and the message may go on. 2 and
// 2.0 are the same.
void ExpectSame(const Json& expected, const Json& actual);

}  // namespace joblib::conformance

#endif  // JOBLIB_TESTS_CONFORMANCE_OBSERVATION_H_
