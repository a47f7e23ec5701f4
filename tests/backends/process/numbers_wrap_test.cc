// Requests are numbered modulo 2^31, and bytes of the rings counted modulo
// 2^32: whatever happens there is as anywhere else.
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "joblib/backends/process/worker_link.h"
#include "joblib/joblib.h"
#include "tests/testing/shared_counters.h"

namespace joblib::testing {
namespace {

using ::testing::SizeIs;

constexpr std::uint32_t kAllSeqs = std::uint32_t{1} << 31;

// How many requests and bytes before the wrap the channels begin.
struct Begin {
  std::uint32_t requests;
  std::uint32_t bytes;
};

class NumbersWrapTest : public ::testing::TestWithParam<Begin> {
 protected:
  NumbersWrapTest() {
    shutdown();
    internal::WorkerLink::BeginAtForTest(kAllSeqs - GetParam().requests,
                                         0 - GetParam().bytes);
  }
  ~NumbersWrapTest() override {
    internal::WorkerLink::BeginAtForTest(0, 0);
    shutdown();
  }
};

std::string Longer(const std::string& text, int n) {
  return text + std::to_string(n);
}

TEST_P(NumbersWrapTest, EachResultIsItsTasks) {
  for (const int batch_size : {1, 7, 300}) {
    for (const std::size_t bytes : {std::size_t{3}, std::size_t{20'000}}) {
      const std::string text(bytes, 'x');
      const auto results = Parallel({.n_jobs = 2, .batch_size = batch_size})(
          each(range(300), [&](int i) { return delayed(Longer)(text, i); }));
      ASSERT_THAT(results, SizeIs(300));
      for (int i = 0; i < 300; ++i) EXPECT_EQ(results[i], Longer(text, i));
    }
  }
}

int CrashAt13(const SharedCounters& starts, int n) {
  starts.Add(n, 1);
  if (n == 13) std::raise(SIGKILL);
  return n;
}

TEST_P(NumbersWrapTest, ACrashCostsItsTaskAlone) {
  for (const int batch_size : {1, 25}) {
    const auto starts = SharedCounters::Zeros(200);
    const auto outcomes =
        Parallel({.n_jobs = 2, .batch_size = batch_size, .max_retries = 2})
            .collect(each(range(200), [&](int i) {
              return delayed(CrashAt13)(starts, i);
            }));
    for (int i = 0; i < 200; ++i) {
      EXPECT_EQ(outcomes[i].has_value(), i != 13);
      EXPECT_EQ(starts.Get(i), i == 13 ? 3 : 1) << i;
    }
  }
}

int BlockAt13(const SharedCounters& starts, int n) {
  starts.Add(n, 1);
  if (n == 13) starts.AwaitAtLeast(n, 1000);  // Never.
  return n;
}

TEST_P(NumbersWrapTest, ALateTaskIsCondemnedAlone) {
  const auto starts = SharedCounters::Zeros(200);
  const auto outcomes =
      Parallel({.n_jobs = 2, .batch_size = 50, .task_timeout = 1})
          .collect(each(range(200),
                        [&](int i) { return delayed(BlockAt13)(starts, i); }));
  for (int i = 0; i < 200; ++i) {
    EXPECT_EQ(outcomes[i].has_value(), i != 13) << i;
    EXPECT_EQ(starts.Get(i), 1) << i;
  }
  EXPECT_THROW(outcomes[13].value(), TimeoutError);
}

INSTANTIATE_TEST_SUITE_P(Begins, NumbersWrapTest,
                         ::testing::Values(Begin{2, 8}, Begin{5, 64},
                                           Begin{17, 4096}, Begin{100, 65'536},
                                           Begin{150, 300'000}),
                         [](const auto& info) {
                           return std::to_string(info.param.requests);
                         });

}  // namespace
}  // namespace joblib::testing
