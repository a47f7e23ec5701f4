// What absl::Mutex promises, kept by wasm/bindings/one_thread_mutex.cc. Where
// it would wait for ever it ends the program, which has no test here.
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"

namespace absl {
namespace {

constexpr Duration kShort = Milliseconds(5);

// Of a mutex that is free again afterwards.
bool IsFree(Mutex& mu) {
  if (!mu.TryLock()) return false;
  mu.Unlock();
  return true;
}

TEST(OneThreadMutexTest, OneWriter) {
  Mutex mu;
  {
    MutexLock lock(&mu);
    mu.AssertHeld();
    EXPECT_FALSE(mu.TryLock());
    EXPECT_FALSE(mu.ReaderTryLock());
  }
  EXPECT_TRUE(IsFree(mu));
}

TEST(OneThreadMutexTest, ManyReaders) {
  Mutex mu;
  mu.ReaderLock();
  EXPECT_TRUE(mu.ReaderTryLock());
  mu.AssertReaderHeld();
  EXPECT_FALSE(mu.TryLock());
  mu.ReaderUnlock();
  EXPECT_FALSE(mu.TryLock());
  mu.ReaderUnlock();
  EXPECT_TRUE(IsFree(mu));
}

TEST(OneThreadMutexTest, ReleasesEarly) {
  Mutex mu;
  ReleasableMutexLock lock(&mu);
  EXPECT_FALSE(mu.TryLock());
  lock.Release();
  EXPECT_TRUE(IsFree(mu));
}

TEST(OneThreadMutexTest, ACallWithAConditionThatHoldsGoesOn) {
  Mutex mu;
  bool yes = true;
  int seven = 7;
  const auto is_seven = [&] { return seven == 7; };
  mu.LockWhen(Condition(&yes));
  mu.Await(Condition(&is_seven));
  mu.Await(Condition::kTrue);
  mu.Await(Condition(
      +[](int* n) { return *n == 7; }, &seven));
  EXPECT_TRUE(mu.AwaitWithTimeout(Condition(&yes), InfiniteDuration()));
  mu.Unlock();
  EXPECT_TRUE(mu.ReaderLockWhenWithTimeout(Condition(&yes), kShort));
  mu.ReaderUnlock();
  EXPECT_TRUE(IsFree(mu));
}

TEST(OneThreadMutexTest, AConditionThatDoesNotHoldTakesTheTimeGiven) {
  Mutex mu;
  const bool no = false;
  Time begin = Now();
  EXPECT_FALSE(mu.LockWhenWithTimeout(Condition(&no), kShort));
  EXPECT_GE(Now() - begin, kShort);
  begin = Now();
  EXPECT_FALSE(mu.AwaitWithDeadline(Condition(&no), begin + kShort));
  EXPECT_GE(Now() - begin, kShort);
  EXPECT_FALSE(mu.TryLock());
  mu.Unlock();
}

TEST(OneThreadMutexTest, NobodySignalsInTime) {
  Mutex mu;
  CondVar changed;
  MutexLock lock(&mu);
  changed.Signal();
  changed.SignalAll();
  const Time begin = Now();
  EXPECT_TRUE(changed.WaitWithTimeout(&mu, kShort));
  EXPECT_GE(Now() - begin, kShort);
  EXPECT_TRUE(changed.WaitWithDeadline(&mu, Now() + kShort));
  EXPECT_FALSE(mu.TryLock());
}

}  // namespace
}  // namespace absl
