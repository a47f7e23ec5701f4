// The cases that joblib replayed without processes (JOBLIB_MULTIPROCESSING=0),
// for platforms that have none. Without threads all is as the tables say; with
// them the backends, warnings and errors are, while threading keeps its n_jobs.

#ifndef JOBLIB_TESTS_CONFORMANCE_WITHOUT_PROCESSES_H_
#define JOBLIB_TESTS_CONFORMANCE_WITHOUT_PROCESSES_H_

#include <cstdint>
#include <string_view>

#include "joblib/backends/platform.h"
#include "tests/conformance/case.h"
#include "tests/conformance/json.h"

namespace joblib::conformance {

inline constexpr internal::Platform kNoProcesses = {.processes = false,
                                                    .threads = true};
inline constexpr internal::Platform kNoThreads = {.processes = false,
                                                  .threads = false};

// Whether `c` is one of them; events may change what is known by name, and are
// none.
bool IsWithoutProcesses(const Case& c);

// Its environment without that variable: the platform must do.
Json EnvironmentOf(const Case& c);

// How many threads n_jobs is on the machine of `c`.
std::int64_t ThreadsFor(std::int64_t n_jobs, const Case& c);

// What effective_n_jobs(None) is with threads inside the scopes of `c`.
std::int64_t ThreadsForNone(const Case& c);

// Whether the innermost scope of `c` that names a backend names `name`.
bool ScopeNames(const Case& c, std::string_view name);

}  // namespace joblib::conformance

#endif  // JOBLIB_TESTS_CONFORMANCE_WITHOUT_PROCESSES_H_
