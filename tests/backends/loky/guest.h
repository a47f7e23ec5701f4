// What programs that the library is a guest in do and tell; see guest_test.cc.
#ifndef JOBLIB_TESTS_BACKENDS_LOKY_GUEST_H_
#define JOBLIB_TESTS_BACKENDS_LOKY_GUEST_H_

#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <numeric>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "gtest/gtest.h"
#include "joblib/joblib.h"
#include "tests/backends/process/children.h"
#include "tests/testing/eventually.h"
#include "tests/testing/run_self.h"

namespace joblib::testing {

// ---- In the program ----

inline constexpr int kGuestTasks = 20;
inline constexpr std::size_t kGuestWorkers = 2;
inline constexpr int kGuestSum = kGuestTasks * (kGuestTasks - 1);

// kGuestSum.
inline int SumOfCall() {
  const std::vector<int> results =
      Parallel({.n_jobs = kGuestWorkers})
          .map([](int n) { return 2 * n; }, range(kGuestTasks));
  return std::accumulate(results.begin(), results.end(), 0);
}

// The call works, and its workers are all the processes that there are.
inline bool CallWorks() {
  return SumOfCall() == kGuestSum &&
         Eventually([] { return Children().size() == kGuestWorkers; });
}

inline bool CrashIsAnError() {
  try {
    Parallel({.n_jobs = kGuestWorkers})
        .map(
            [](int n) {
              if (n == 13) std::raise(SIGSEGV);
            },
            range(kGuestTasks));
    return false;
  } catch (const TerminatedWorkerError& error) {
    return error.task_index() == 13;
  }
}

// The processes that must be gone when the program is.
inline void PrintWorkers() {
  for (const std::int64_t pid : Children()) {
    std::printf("worker %lld\n", static_cast<long long>(pid));
  }
  std::fflush(stdout);
}

// ---- In the test ----

inline std::vector<std::int64_t> WorkersIn(const std::string& output) {
  std::vector<std::int64_t> pids;
  std::istringstream lines(output);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("worker ")) pids.push_back(std::atoll(&line[7]));
  }
  return pids;
}

// The output of the program `name`, which must end with 0. `guest`: the
// variable GUEST, which its constructors see.
inline std::string RunGuest(const std::string& name,
                            const std::string& guest = "") {
  const ProgramEnd end = RunSelf(name, guest.empty() ? "" : "GUEST=" + guest);
  EXPECT_EQ(end.exit_code, 0) << end.output;
  EXPECT_EQ(end.signal, 0) << end.output;
  EXPECT_TRUE(AllGone(WorkersIn(end.output))) << end.output;
  return end.output;
}

using GuestPrograms = std::map<std::string_view, int (*)()>;
inline int RunGuestsOrTests(int argc, char** argv,
                            const GuestPrograms& programs) {
  if (argc == 2) {
    const auto found = programs.find(argv[1]);
    if (found != programs.end()) return found->second();
  }
  ::testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}

}  // namespace joblib::testing

#endif  // JOBLIB_TESTS_BACKENDS_LOKY_GUEST_H_
