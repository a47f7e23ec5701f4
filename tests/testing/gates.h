// Gate and Meeting: how tests wait for events. Each wait has a limit, far above
// what any machine needs, so that a broken engine fails a test and does not
// hang it; a test that passes never gets near it.
//
//   Gate release;
//   ... a task: if (!release.Wait()) return -1;   // Not opened in time.
//   ... the test: release.Open();
//
// Thread-safety: any thread.
#ifndef JOBLIB_TESTS_TESTING_GATES_H_
#define JOBLIB_TESTS_TESTING_GATES_H_

#include <chrono>
#include <condition_variable>
#include <mutex>

namespace joblib::testing {

inline constexpr std::chrono::seconds kPatience{60};

// Shut until Open.
class Gate {
 public:
  void Open() {
    const std::lock_guard<std::mutex> lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }
  bool is_open() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    return open_;
  }
  // False: it did not open in time.
  bool Wait(std::chrono::milliseconds limit = kPatience) {
    std::unique_lock<std::mutex> lock(mutex_);
    return changed_.wait_for(lock, limit, [this] { return open_; });
  }

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool open_ = false;
};

// Lets everybody on once `n` are there, and who comes later at once.
class Meeting {
 public:
  explicit Meeting(int n) : missing_(n) {}
  // False: the others did not come in time.
  bool Arrive(std::chrono::milliseconds limit = kPatience) {
    std::unique_lock<std::mutex> lock(mutex_);
    if (--missing_ <= 0) changed_.notify_all();
    return changed_.wait_for(lock, limit, [this] { return missing_ <= 0; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int missing_;
};

// How many are inside at once, and the most that ever were.
class Crowd {
 public:
  class Visit {
   public:
    explicit Visit(Crowd& crowd) : crowd_(crowd) { crowd_.Add(1); }
    Visit(const Visit&) = delete;
    ~Visit() { crowd_.Add(-1); }

   private:
    Crowd& crowd_;
  };
  int most() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    return most_;
  }

 private:
  void Add(int n) {
    const std::lock_guard<std::mutex> lock(mutex_);
    inside_ += n;
    if (inside_ > most_) most_ = inside_;
  }
  mutable std::mutex mutex_;
  int inside_ = 0;
  int most_ = 0;
};

}  // namespace joblib::testing

#endif  // JOBLIB_TESTS_TESTING_GATES_H_
