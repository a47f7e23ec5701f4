// StartThread where there are threads.

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "gtest/gtest.h"
#include "native/thread.h"

namespace joblib::native {
namespace {

// Counts, and waits until a count is reached.
class Counter {
 public:
  void Add() {
    const std::lock_guard lock(mutex_);
    ++count_;
    changed_.notify_all();
  }
  void WaitFor(int count) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return count_ >= count; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int count_ = 0;
};

TEST(StartThreadTest, RunsTheBodyOnAnotherThread) {
  Counter done;
  std::uint64_t id = 0;
  ASSERT_TRUE(StartThread([&] {
                id = ThisThreadId();
                done.Add();
              }).ok());
  done.WaitFor(1);
  EXPECT_NE(id, 0);
  EXPECT_NE(id, ThisThreadId());
}

// Says on which thread it was destroyed.
class Witness {
 public:
  Witness(std::thread::id& id, Counter& destroyed)
      : id_(id), destroyed_(destroyed) {}
  ~Witness() {
    id_ = std::this_thread::get_id();
    destroyed_.Add();
  }

 private:
  std::thread::id& id_;
  Counter& destroyed_;
};

TEST(StartThreadTest, DestroysTheBodyOnItsThread) {
  Counter destroyed;
  std::thread::id destroyer;
  std::thread::id runner;
  absl::AnyInvocable<void()> body =
      [&runner, witness = std::make_unique<Witness>(destroyer, destroyed)] {
        runner = std::this_thread::get_id();
      };
  ASSERT_TRUE(StartThread(std::move(body)).ok());
  destroyed.WaitFor(1);
  EXPECT_EQ(destroyer, runner);
  EXPECT_NE(runner, std::this_thread::get_id());
}

TEST(StartThreadTest, RefusesBeyondMaxThreads) {
  const int max_threads = MaxThreads();
  ASSERT_GT(max_threads, 0);
  if (max_threads > 100) GTEST_SKIP() << "no limit on this platform";
  Counter started;
  Counter release;
  Counter done;
  for (int i = 0; i < max_threads; ++i) {
    absl::Status status;
    do {  // Those of the tests before are free a moment after the body's end.
      status = StartThread([&] {
        started.Add();
        release.WaitFor(1);
        done.Add();
      });
    } while (absl::IsResourceExhausted(status));
    ASSERT_TRUE(status.ok()) << status;
  }
  started.WaitFor(max_threads);
  const absl::Status status = StartThread([] { ADD_FAILURE(); });
  EXPECT_TRUE(absl::IsResourceExhausted(status)) << status;
  EXPECT_EQ(MaxThreads(), max_threads);
  release.Add();
  done.WaitFor(max_threads);
}

TEST(StartThreadTest, PlacesComeBack) {
  // More, one after the other, than any pool of Web Workers holds at once.
  constexpr int kThreads = 40;
  for (int i = 0; i < kThreads; ++i) {
    absl::Status status;
    Counter done;
    do {  // A place is free a moment after the body's end.
      status = StartThread([&] { done.Add(); });
    } while (absl::IsResourceExhausted(status));
    ASSERT_TRUE(status.ok()) << status;
    done.WaitFor(1);
  }
}

TEST(DefaultStackSizeTest, IsWhatAThreadHas) {
  Counter done;
  std::size_t remaining = 0;
  ASSERT_TRUE(StartThread([&] {
                remaining = RemainingStack();
                done.Add();
              }).ok());
  done.WaitFor(1);
  EXPECT_LE(remaining, DefaultStackSize());
  EXPECT_GE(remaining, DefaultStackSize() / 8 * 7);
}

}  // namespace
}  // namespace joblib::native
