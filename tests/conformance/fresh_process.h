// FreshProcess: what a case finds in a process of its own, in this one.
//
//   const FreshProcess process(c.env, c.machine);
//   EXPECT_EQ(joblib::cpu_count(), 8);

#ifndef JOBLIB_TESTS_CONFORMANCE_FRESH_PROCESS_H_
#define JOBLIB_TESTS_CONFORMANCE_FRESH_PROCESS_H_

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "joblib/backends/platform.h"
#include "joblib/core/thread_state.h"
#include "tests/conformance/json.h"

namespace joblib::conformance {

// What the tables were observed on.
inline constexpr internal::Platform kTablesPlatform = {.processes = true,
                                                       .threads = true};

// The environment, of all that joblib reads: the variables of `env` and nothing
// else. The machine: `machine` (see case.h), or the real one where it is null.
// The platform: `platform`, or the real one; to pretend more than there is does
// for choosing backends, not for running tasks. Backends that were registered,
// warnings given once, kept workers, scopes of the calling thread: none.
//
// Not while any other thread is in the library. All is put back at the end, on
// the constructing thread; only backends registered before are gone.
class FreshProcess {
 public:
  FreshProcess(const Json& env, const Json& machine,
               std::optional<internal::Platform> platform = std::nullopt);
  FreshProcess(const FreshProcess&) = delete;
  FreshProcess& operator=(const FreshProcess&) = delete;
  ~FreshProcess();

 private:
  struct Variable {
    std::string name;
    std::string value;
  };

  // Removes the variables that joblib reads, and returns them.
  static std::vector<Variable> TakeVariables();

  std::vector<Variable> former_;
  internal::ThreadStateScope thread_{internal::ConfigRef(), nullptr};
};

// Runs `body` in a new thread of the program and waits for it. Where there is
// one thread only, on that one, which looks new to the library meanwhile.
void RunInNewThread(const std::function<void()>& body);

}  // namespace joblib::conformance

#endif  // JOBLIB_TESTS_CONFORMANCE_FRESH_PROCESS_H_
