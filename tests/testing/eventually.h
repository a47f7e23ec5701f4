// Eventually: waits for what tells nobody that it has come, such as a thread's
// end. What can open a Gate (gates.h) should.
//
//   EXPECT_TRUE(Eventually([&] { return pool.size() == 0; }));
#ifndef JOBLIB_TESTS_TESTING_EVENTUALLY_H_
#define JOBLIB_TESTS_TESTING_EVENTUALLY_H_

#include <chrono>
#include <thread>

namespace joblib::testing {

// False: `condition` did not become true in time. Asks once a millisecond.
template <class Condition>
bool Eventually(Condition condition,
                std::chrono::milliseconds limit = std::chrono::seconds(10)) {
  const auto until = std::chrono::steady_clock::now() + limit;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > until) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return true;
}

}  // namespace joblib::testing

#endif  // JOBLIB_TESTS_TESTING_EVENTUALLY_H_
