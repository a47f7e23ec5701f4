// HAZARDS.md T10: results never exist twice.
#include "joblib/parallel/result_store.h"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "joblib/joblib.h"

namespace joblib::internal {
namespace {

// Counts the objects that exist.
struct Counted {
  static inline std::int64_t alive = 0, most = 0;
  explicit Counted(int v) : value(v) { Born(); }
  Counted(Counted&& other) noexcept : value(other.value) { Born(); }
  Counted& operator=(Counted&&) = default;
  ~Counted() { --alive; }
  static void Born() { most = std::max(most, ++alive); }
  int value;
  char weight[100];
};

TEST(ResultStoreTest, BlocksAreAtMostAMebibyte) {
  static_assert(ResultStore<Counted>::kMaxBlock * sizeof(Counted) <= 1 << 20);
  static_assert(ResultStore<char>::kMaxBlock == 1 << 20);
  struct Huge {
    char bytes[3 << 20];
  };
  static_assert(ResultStore<Huge>::kMaxBlock == 1);
}

TEST(ResultStoreTest, ResultsLeaveTheirBlockOneByOne) {
  constexpr int kResults = 50000;
  for (const std::size_t expected : {0, kResults / 2, kResults}) {
    Counted::alive = Counted::most = 0;
    ResultStore<Counted> store(expected);
    for (int i = 0; i < kResults; i += 10) {
      Counted* slots = store.Reserve(10);
      for (int k = 0; k < 10; ++k) new (slots + k) Counted(i + k);
    }
    Counted::most = Counted::alive;
    const std::vector<Counted> results = store.TakeVector();
    ASSERT_EQ(results.size(), kResults);
    for (int i = 0; i < kResults; ++i) ASSERT_EQ(results[i].value, i);
    EXPECT_EQ(Counted::most, kResults + 1);
    EXPECT_EQ(Counted::alive, kResults);
  }
}

TEST(ResultStoreTest, LeftOutSlotsAreNeverTouched) {
  Counted::alive = 0;
  ResultStore<Counted> store(0);
  Counted* const slots = store.Reserve(10);
  for (const int i : {0, 1, 5, 9}) new (slots + i) Counted(i);
  store.LeaveOut(slots + 6, 3);
  store.LeaveOut(slots + 2, 3);
  std::vector<int> seen;
  store.TakeAll([&](Counted&& c) { seen.push_back(c.value); },
                [&] { seen.push_back(-1); });
  EXPECT_THAT(seen, ::testing::ElementsAre(0, 1, -1, -1, -1, 5, -1, -1, -1, 9));
  EXPECT_EQ(Counted::alive, 0);
}

TEST(ResultStoreTest, AStoreThatDiesDestroysWhatWasNotTaken) {
  Counted::alive = 0;
  {
    ResultStore<Counted> store(0);
    Counted* const slots = store.Reserve(10);
    for (int i = 0; i < 8; ++i) new (slots + i) Counted(i);
    store.LeaveOut(slots + 8, 1);
    store.Unreserve(1);
  }
  EXPECT_EQ(Counted::alive, 0);
}

TEST(ResultStoreTest, WhatTakingThrowsLosesNothing) {
  Counted::alive = 0;
  {
    ResultStore<Counted> store(0);
    for (int i = 0; i < 30000; ++i) new (store.Reserve(1)) Counted(i);
    int n = 0;
    EXPECT_THROW(store.TakeAll(
                     [&](Counted&&) {
                       if (++n == 20000) throw n;
                     },
                     [] {}),
                 int);
  }
  EXPECT_EQ(Counted::alive, 0);
}

TEST(ResultStoreTest, KeptMemoryStaysUntilTheStoreDies) {
  ResultStore<std::int64_t> store(0);
  std::int64_t* const slots = store.Reserve(100);
  std::fill(slots, slots + 99, 1);
  store.LeaveOut(slots + 99, 1);
  store.KeepMemory();
  store.TakeAll([](std::int64_t&&) {}, [] {});
  slots[99] = 42;  // By the task that a timeout left behind.
  EXPECT_EQ(slots[99], 42);
}

// Of a whole call: what the caller gets, and what is under way besides.
TEST(ResultStoreTest, ACallHoldsEachResultOnce) {
  struct Shared {
    explicit Shared(std::shared_ptr<int> p) : pointer(std::move(p)) {}
    std::shared_ptr<int> pointer;
  };
  const auto token = std::make_shared<int>(0);
  const std::vector<Shared> results = Parallel(
      {.n_jobs = 2, .backend = "threading"})(each(range(30000), [&](int) {
    return delayed([](std::shared_ptr<int> p) { return Shared(std::move(p)); })(
        token);
  }));
  EXPECT_EQ(token.use_count(), 30001);
}

}  // namespace
}  // namespace joblib::internal
