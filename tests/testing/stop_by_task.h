// StopByTask: a stop token that tasks can ask to stop, whichever process they
// run in.
//
//   StopByTask stop(/*processes=*/true);
//   Parallel({.stop_token = stop.token()})(each(range(9), [&](int i) {
//     return delayed([](const StopRequest& stop, int n) {
//       if (n == 3) stop.Make();
//     })(stop.request(), i);
//   }));
#ifndef JOBLIB_TESTS_TESTING_STOP_BY_TASK_H_
#define JOBLIB_TESTS_TESTING_STOP_BY_TASK_H_

#include <chrono>
#include <thread>
#include <utility>

#include "joblib/stop_token.h"
#include "tests/testing/shared_counters.h"

namespace joblib::testing {

// What a task gets, by value.
class StopRequest {
 public:
  StopRequest() = default;
  StopRequest(StopSource* here, SharedGate asked)
      : here_(here), asked_(std::move(asked)) {}

  // Within one process the stop is requested when it returns.
  void Make() const {
    if (here_ != nullptr) {
      here_->request_stop();
    } else {
      asked_.Open();
    }
  }

  template <class Archive>
  void serialize(Archive& archive) {
    archive(asked_);
  }

 private:
  StopSource* here_ = nullptr;
  SharedGate asked_;
};

class StopByTask {
 public:
  // `processes`: tasks run in other processes. Then a thread listens to them.
  explicit StopByTask(bool processes) : processes_(processes) {
    if (!processes_) return;
    listener_ = std::thread([this] {
      while (!over_.is_open()) {
        if (asked_.Wait(std::chrono::milliseconds(10))) {
          source_.request_stop();
          return;
        }
      }
    });
  }
  StopByTask(const StopByTask&) = delete;
  ~StopByTask() {
    over_.Open();
    if (listener_.joinable()) listener_.join();
  }

  StopToken token() const { return source_.token(); }
  StopRequest request() {
    return StopRequest(processes_ ? nullptr : &source_, asked_);
  }

 private:
  const bool processes_;
  StopSource source_;
  const SharedGate asked_ = SharedGate::Shut();
  Gate over_;
  std::thread listener_;
};

}  // namespace joblib::testing

#endif  // JOBLIB_TESTS_TESTING_STOP_BY_TASK_H_
