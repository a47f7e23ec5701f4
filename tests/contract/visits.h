// Visits: tasks that tell that they run, and how a test makes sure that none
// does any more.
#ifndef JOBLIB_TESTS_CONTRACT_VISITS_H_
#define JOBLIB_TESTS_CONTRACT_VISITS_H_

#include <chrono>
#include <cstdint>
#include <thread>

#include "tests/testing/eventually.h"
#include "tests/testing/shared_counters.h"

namespace joblib::testing {

class Visits {
 public:
  Visits() = default;  // None: for what is read from an archive.
  static Visits None() {
    Visits visits;
    visits.counters_ = SharedCounters::Zeros(2);
    return visits;
  }

  // In a task: comes, and goes at once.
  void Pass() const {
    Come();
    std::this_thread::sleep_for(std::chrono::seconds(0));
    counters_.Add(kInside, -1);
  }
  // In a task: comes and stays, for ever as far as any test goes.
  void Stay() const {
    Come();
    const auto until = std::chrono::steady_clock::now() + 2 * kPatience;
    while (std::chrono::steady_clock::now() < until) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
      counters_.Add(kBeats, 1);
    }
    counters_.Add(kInside, -1);
  }

  // In the test. Of tasks that were killed none has gone.
  std::int64_t n_inside() const { return counters_.Get(kInside); }
  bool AwaitInside(int n) const { return counters_.AwaitAtLeast(kInside, n); }
  // Nobody comes, and who stays is alive no more: waits for it.
  bool HaveEnded() const {
    return Eventually([this] {
      const std::int64_t before = counters_.Get(kBeats);
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
      return counters_.Get(kBeats) == before;
    });
  }

  template <class Archive>
  void serialize(Archive& archive) {
    archive(counters_);
  }

 private:
  static constexpr int kInside = 0;
  static constexpr int kBeats = 1;
  void Come() const {
    counters_.Add(kInside, 1);
    counters_.Add(kBeats, 1);
  }

  SharedCounters counters_;
};

}  // namespace joblib::testing

#endif  // JOBLIB_TESTS_CONTRACT_VISITS_H_
