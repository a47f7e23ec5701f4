#include "joblib/core/stop_token.h"

#include <memory>
#include <optional>
#include <thread>

#include "gtest/gtest.h"
#include "native/thread.h"
#include "tests/testing/gates.h"

namespace joblib {
namespace {

using testing::Gate;

TEST(StopTokenTest, ADefaultOneNeverStops) {
  const StopToken token;
  EXPECT_FALSE(token.stop_requested());
  const auto handle = token.on_stop([] { ADD_FAILURE(); });
}

TEST(StopTokenTest, AllTokensOfASourceSeeItsStop) {
  StopSource source, other;
  const StopSource copy_of_source = source;
  const StopToken before = source.token(), copy = before;
  EXPECT_FALSE(before.stop_requested());
  source.request_stop();
  EXPECT_TRUE(before.stop_requested());
  EXPECT_TRUE(copy.stop_requested());
  EXPECT_TRUE(source.token().stop_requested());
  EXPECT_TRUE(copy_of_source.token().stop_requested());
  EXPECT_FALSE(other.token().stop_requested());
}

TEST(StopTokenTest, OutlivesItsSource) {
  std::optional<StopSource> source(std::in_place);
  const StopToken untouched = source->token();
  source.reset();
  EXPECT_FALSE(untouched.stop_requested());
  source.emplace();
  const StopToken stopped = source->token();
  source->request_stop();
  source.reset();
  EXPECT_TRUE(stopped.stop_requested());
}

TEST(OnStopTest, RunsEachCallbackOnceInsideTheRequest) {
  StopSource source;
  int first = 0, second = 0;
  const auto a = source.token().on_stop([&] {
    ++first;
    EXPECT_TRUE(source.token().stop_requested());
  });
  const auto b = source.token().on_stop([&] { ++second; });
  EXPECT_EQ(first + second, 0);
  source.request_stop();
  EXPECT_EQ(first, 1);
  EXPECT_EQ(second, 1);
  source.request_stop();
  EXPECT_EQ(first, 1);
  EXPECT_EQ(second, 1);
}

TEST(OnStopTest, RunsAtOnceIfTheStopCameAlready) {
  StopSource source;
  source.request_stop();
  int ran = 0;
  const auto handle = source.token().on_stop([&] { ++ran; });
  EXPECT_EQ(ran, 1);
}

TEST(OnStopTest, NotAfterItsHandleHasDied) {
  StopSource source;
  int ran = 0;
  auto dropped = source.token().on_stop([] { ADD_FAILURE(); });
  const auto kept = source.token().on_stop([&] { ++ran; });
  const auto copy = std::make_unique<std::shared_ptr<void>>(dropped);
  dropped.reset();
  copy->reset();  // The last copy is the handle's death.
  source.request_stop();
  EXPECT_EQ(ran, 1);
}

TEST(OnStopTest, AHandleMayOutliveSourceAndTokens) {
  std::optional<StopSource> source(std::in_place);
  const auto handle = source->token().on_stop([] { ADD_FAILURE(); });
  source.reset();
}

TEST(OnStopTest, ACallbackMayLetGoOfHandles) {
  StopSource source;
  std::shared_ptr<void> own, other;
  int ran = 0;
  own = source.token().on_stop([&] {
    ++ran;
    own.reset();
    other.reset();
  });
  other = source.token().on_stop([&] {
    ++ran;
    own.reset();
    other.reset();
  });
  source.request_stop();
  EXPECT_EQ(ran, 1);  // Whichever came first dropped the other one.
}

TEST(OnStopTest, ACallbackMayAskAgainAndRegisterMore) {
  StopSource source;
  int ran = 0;
  const auto handle = source.token().on_stop([&] {
    source.request_stop();
    const auto inner = source.token().on_stop([&] { ++ran; });
    EXPECT_EQ(ran, 1);
  });
  source.request_stop();
  EXPECT_EQ(ran, 1);
}

TEST(OnStopTest, WhatADroppedCallbackHoldsIsLetGoOf) {
  StopSource source;
  const auto held = std::make_shared<int>(0);
  auto handle = source.token().on_stop([held] {});
  EXPECT_EQ(held.use_count(), 2);
  handle.reset();
  EXPECT_EQ(held.use_count(), 1);
}

class OnStopThreadsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!native::CanStartThreads()) GTEST_SKIP() << "one thread";
  }
};

TEST_F(OnStopThreadsTest, RunsOnTheThreadThatAsks) {
  StopSource source;
  std::thread::id ran_on;
  const auto handle =
      source.token().on_stop([&] { ran_on = std::this_thread::get_id(); });
  std::thread asker([&] { source.request_stop(); });
  const std::thread::id asked_on = asker.get_id();
  asker.join();
  EXPECT_EQ(ran_on, asked_on);
}

TEST_F(OnStopThreadsTest, AHandlesDeathWaitsForItsRunningCallback) {
  StopSource source;
  Gate running, release;
  bool ended = false;  // Not atomic: the handle's death orders it.
  auto handle = source.token().on_stop([&] {
    running.Open();
    EXPECT_TRUE(release.Wait());
    ended = true;
  });
  std::thread asker([&] { source.request_stop(); });
  ASSERT_TRUE(running.Wait());
  std::thread opener([&] { release.Open(); });
  handle.reset();
  EXPECT_TRUE(ended);
  asker.join();
  opener.join();
}

TEST_F(OnStopThreadsTest, AnotherHandlesDeathWaitsForNobody) {
  StopSource source;
  Gate running, release;
  const auto blocked = source.token().on_stop([&] {
    running.Open();
    EXPECT_TRUE(release.Wait());
  });
  auto other = source.token().on_stop([] { ADD_FAILURE(); });
  std::thread asker([&] { source.request_stop(); });
  EXPECT_TRUE(running.Wait());
  other.reset();
  EXPECT_FALSE(release.is_open());
  release.Open();
  asker.join();
}

}  // namespace
}  // namespace joblib
