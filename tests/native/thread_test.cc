#include "native/thread.h"

#include <cstddef>

#include "absl/status/status.h"
#include "gtest/gtest.h"

namespace joblib::native {
namespace {

TEST(ThreadTest, ThreadsCanStartWhereThereMayBeAny) {
  EXPECT_EQ(CanStartThreads(), MaxThreads() > 0);
}

TEST(ThreadTest, WithoutThreadsStartingOneIsAnError) {
  if (CanStartThreads()) GTEST_SKIP() << "this platform has threads";
  EXPECT_TRUE(absl::IsUnimplemented(StartThread([] { FAIL(); })));
}

// Has a frame of its own, of 10,000 bytes, which no compiler can do without.
[[gnu::noinline]] std::size_t RemainingStackFurtherDown(std::size_t any) {
  volatile char frame[10'000];
  frame[any] = 0;
  const std::size_t remaining = RemainingStack();
  return remaining + frame[any];
}

TEST(RemainingStackTest, ShrinksWithTheFrames) {
  const std::size_t here = RemainingStack();
  const std::size_t any = ThisThreadId() % 10'000;
  EXPECT_GT(here, 10'000);
  EXPECT_LE(RemainingStackFurtherDown(any) + 9'000, here);
  EXPECT_EQ(RemainingStack(), here);
}

TEST(ThreadTest, PinningAndForkHandlersAreFineAnywhere) {
  PinThisModule();
  PinThisModule();
  EXPECT_TRUE(OnFork(nullptr, nullptr, nullptr).ok());
}

TEST(ThreadTest, TheThreadKeepsItsId) {
  EXPECT_NE(ThisThreadId(), 0);
  EXPECT_EQ(ThisThreadId(), ThisThreadId());
  EXPECT_GT(ProcessId(), 0);
}

}  // namespace
}  // namespace joblib::native
