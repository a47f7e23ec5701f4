// SharedCounters and SharedGate: what a test and its tasks count in and wait
// for together, whichever process a task runs in.
//
//   const auto ran = SharedCounters::Zeros(500);
//   Parallel(...)(each(range(500), [&](int i) {
//     return delayed([](const SharedCounters& ran, int i) {
//       ran.Add(i, 1);
//     })(ran, i);
//   }));
//   EXPECT_EQ(ran.Get(7), 1);
//
//   const auto release = SharedGate::Shut();
//   ... a task: if (!release.Wait()) throw ...;   // Not opened in time.
//   ... the test: release.Open();
//
// Handles: cheap to copy, given to tasks by value. One that travels to another
// process finds the same numbers there, by the path of their file. Waiting asks
// again and again, with the limits of gates.h: a worker may be killed at any
// moment, and must not take a lock along.
//
// Thread-safety: any thread of any process. Errors: see shared_words.h.
#ifndef JOBLIB_TESTS_TESTING_SHARED_COUNTERS_H_
#define JOBLIB_TESTS_TESTING_SHARED_COUNTERS_H_

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "tests/testing/gates.h"
#include "tests/testing/shared_words.h"

namespace joblib::testing {

class SharedCounters {
 public:
  SharedCounters() = default;  // None: for what is read from an archive.
  static SharedCounters Zeros(int n = 1) {
    return SharedCounters(SharedWords::Create(n));
  }

  // Each returns the new value.
  std::int64_t Add(int i, std::int64_t n) const {
    return words_->at(i).fetch_add(n) + n;
  }
  std::int64_t Add(std::int64_t n = 1) const { return Add(0, n); }
  std::int64_t Raise(int i, std::int64_t to) const {
    std::int64_t now = words_->at(i).load();
    while (now < to && !words_->at(i).compare_exchange_weak(now, to)) {
    }
    return now < to ? to : now;
  }
  void Set(int i, std::int64_t value) const { words_->at(i).store(value); }
  std::int64_t Get(int i = 0) const { return words_->at(i).load(); }

  // False: it did not come that far in time.
  bool AwaitAtLeast(int i, std::int64_t value,
                    std::chrono::milliseconds limit = kPatience) const {
    const auto until = std::chrono::steady_clock::now() + limit;
    for (int n_asked = 0; Get(i) < value; ++n_asked) {
      if (n_asked < 50) {
        std::this_thread::yield();
        continue;
      }
      if (std::chrono::steady_clock::now() > until) return false;
      std::this_thread::sleep_for(std::chrono::microseconds(200));
    }
    return true;
  }

  template <class Archive>
  void save(Archive& archive) const {
    archive(words_ == nullptr ? std::string() : words_->path());
  }
  template <class Archive>
  void load(Archive& archive) {
    std::string path;
    archive(path);
    words_ = path.empty() ? nullptr : SharedWords::Open(path);
  }

 private:
  explicit SharedCounters(std::shared_ptr<SharedWords> words)
      : words_(std::move(words)) {}

  std::shared_ptr<SharedWords> words_;
};

class SharedGate {
 public:
  SharedGate() = default;  // None: for what is read from an archive.
  static SharedGate Shut() {
    SharedGate gate;
    gate.word_ = SharedCounters::Zeros();
    return gate;
  }

  void Open() const { word_.Set(0, 1); }
  bool is_open() const { return word_.Get() != 0; }
  // False: it did not open in time.
  bool Wait(std::chrono::milliseconds limit = kPatience) const {
    return word_.AwaitAtLeast(0, 1, limit);
  }

  template <class Archive>
  void serialize(Archive& archive) {
    archive(word_);
  }

 private:
  SharedCounters word_;
};

}  // namespace joblib::testing

#endif  // JOBLIB_TESTS_TESTING_SHARED_COUNTERS_H_
