// Calls that need a known number of threads, and the pool they came from.
#ifndef JOBLIB_TESTS_BACKENDS_THREADING_POOL_CALLS_H_
#define JOBLIB_TESTS_BACKENDS_THREADING_POOL_CALLS_H_

#include <mutex>
#include <set>
#include <thread>

#include "gtest/gtest.h"
#include "joblib/backends/threading/thread_pool.h"
#include "joblib/joblib.h"
#include "tests/testing/eventually.h"
#include "tests/testing/gates.h"

namespace joblib::testing {

inline internal::ThreadPool& Pool() { return internal::ThreadPool::Get(); }

// Ends the threads of earlier tests.
inline void EmptyThePool() {
  ASSERT_TRUE(Eventually([] {
    shutdown();
    return Pool().size() == 0;
  }));
}

// A call whose tasks all run at once, n_jobs of them or `n_tasks`. Returns the
// threads that ran them.
inline std::set<std::thread::id> Meet(int n_jobs, int n_tasks,
                                      BackendParams params = {}) {
  Meeting all(n_tasks);
  std::mutex mutex;
  std::set<std::thread::id> threads;
  Parallel({.n_jobs = n_jobs,
            .backend = "threading",
            .backend_params = std::move(params)})(
      each(range(n_tasks), [&](int) {
        return delayed([&] {
          EXPECT_TRUE(all.Arrive());
          const std::lock_guard<std::mutex> lock(mutex);
          threads.insert(std::this_thread::get_id());
        })();
      }));
  EXPECT_EQ(static_cast<int>(threads.size()), n_tasks);
  return threads;
}
inline std::set<std::thread::id> Meet(int n) { return Meet(n, n); }

// Threads come back a moment after their call.
inline bool AllAreIdle() {
  return Eventually([] { return Pool().n_idle() == Pool().size(); });
}

}  // namespace joblib::testing

#endif  // JOBLIB_TESTS_BACKENDS_THREADING_POOL_CALLS_H_
