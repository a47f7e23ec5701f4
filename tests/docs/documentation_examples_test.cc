// The examples of joblib's own documentation, in C++: each prints or gives what
// the page says.
#include <cmath>
#include <cstdio>
#include <functional>
#include <mutex>
#include <numeric>
#include <set>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "joblib/backends/platform.h"
#include "joblib/joblib.h"
#include "native/capture_for_test.h"
#include "native/thread.h"
#include "tests/docs/negate_library.h"

namespace joblib {
namespace {

using ::testing::Contains;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::StartsWith;

// As Python prints a list.
std::string Printed(const std::vector<int>& list) {
  std::ostringstream text;
  text << "[";
  for (std::size_t i = 0; i < list.size(); ++i) {
    text << (i > 0 ? ", " : "") << list[i];
  }
  text << "]";
  return text.str();
}

double Sqrt(double x) { return std::sqrt(x); }

TEST(ParallelConfigPageTest, TheThreadingExample) {
  parallel_config scope({.backend = "threading"});
  EXPECT_EQ(Printed(NegativesUpTo(5)), "[-1, -2, -3, -4, -5]");
}

TEST(ParallelConfigPageTest, AllCpusAndTwoOfThem) {
  {
    parallel_config scope({.backend = "threading", .n_jobs = -1});
    EXPECT_EQ(Printed(NegativesUpTo(5)), "[-1, -2, -3, -4, -5]");
  }
  parallel_backend scope("threading", {.n_jobs = 2});
  EXPECT_EQ(Printed(NegativesUpTo(5)), "[-1, -2, -3, -4, -5]");
}

// The page's examples, which name no backend, on what the parameter prefers.
class ParallelPageTest : public ::testing::TestWithParam<const char*> {
 protected:
  static ParallelOptions With(ParallelOptions options) {
    options.prefer = GetParam();
    return options;
  }
};

INSTANTIATE_TEST_SUITE_P(On, ParallelPageTest,
                         ::testing::Values("threads", "processes"),
                         [](const auto& info) -> std::string {
                           return info.param;
                         });

TEST(ParallelPageAloneTest, SquareRoots) {
  // Parallel(n_jobs=1)(delayed(sqrt)(i**2) for i in range(10))
  EXPECT_THAT(Parallel({.n_jobs = 1})(
                  each(range(10), [](int i) { return delayed(Sqrt)(i * i); })),
              ElementsAre(0, 1, 2, 3, 4, 5, 6, 7, 8, 9));
}

TEST(ParallelPageAloneTest, PairsAsResults) {
  // r = Parallel(n_jobs=1)(delayed(modf)(i/2.) for i in range(10))
  const auto r = Parallel({.n_jobs = 1})(each(range(10), [](int i) {
    return delayed([](double x) {
      double whole;
      const double fraction = std::modf(x, &whole);
      return std::pair(fraction, whole);
    })(i / 2.);
  }));
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(r[i].first, i % 2 * 0.5);
    EXPECT_EQ(r[i].second, i / 2);
  }
}

TEST_P(ParallelPageTest, TheProgressMeter) {
  native::OutputCapture capture;
  Parallel(With({.n_jobs = 2, .verbose = 10}))(
      each(range(10), [](int) { return delayed([] {})(); }));
  const std::string text = capture.End().err;
  if (internal::ThreadsAvailable()) {
    EXPECT_THAT(text, StartsWith("[Parallel(n_jobs=2)]: Using backend "));
  }
  EXPECT_THAT(text, HasSubstr("Done 10 out of 10 | elapsed:"));
  EXPECT_THAT(text, HasSubstr("finished\n"));
}

TEST_P(ParallelPageTest, TheProducerIsReadAsNeeded) {
  // Parallel(n_jobs=2, verbose=100, pre_dispatch='1.5*n_jobs')(
  //     delayed(sqrt)(i) for i in producer())
  native::OutputCapture capture;
  const auto out = Parallel(
      With({.n_jobs = 2, .verbose = 100, .pre_dispatch = "1.5*n_jobs"}))(
      each(range(6), [](int i) {
        std::printf("Produced %d\n", i);
        std::fflush(stdout);
        return delayed(Sqrt)(i);
      }));
  const std::string text = capture.End().out;
  EXPECT_EQ(out.size(), 6);
  for (int i = 0; i < 6; ++i) {
    EXPECT_THAT(text, HasSubstr("Produced " + std::to_string(i) + "\n"));
  }
  EXPECT_THAT(text, HasSubstr("[Parallel(n_jobs=2)]: Done"));
  if (internal::ThreadsAvailable()) {
    // The first window is read before anything is reported.
    EXPECT_LT(text.find("Produced 2"), text.find("]: Done"));
  }
}

TEST_P(ParallelPageTest, ResultsAsAGenerator) {
  Parallel parallel(With({.n_jobs = 2}));
  auto output = parallel.generator(
      each(range(10), [](int i) { return delayed(Sqrt)(i * i); }));
  auto next = output.begin();
  EXPECT_EQ(*next, 0.0);
  EXPECT_EQ(*++next, 1.0);
  ++next;
  std::vector<double> rest;
  for (; next != output.end(); ++next) rest.push_back(*next);
  EXPECT_THAT(rest, ElementsAre(2, 3, 4, 5, 6, 7, 8, 9));
}

TEST(ParallelPageAloneTest, SharedMemory) {
  std::mutex mutex;
  std::set<int> shared_set;
  const auto collect = [&](int x) {
    const std::lock_guard<std::mutex> lock(mutex);
    shared_set.insert(x);
  };
  Parallel({.n_jobs = 2, .require = "sharedmem"})(
      each(range(5), [&](int i) { return delayed(collect)(i); }));
  EXPECT_THAT(shared_set, ElementsAre(0, 1, 2, 3, 4));
}

TEST_P(ParallelPageTest, ReusingAPoolOfWorkers) {
  double accumulator = 0;
  int n_iter = 0;
  Parallel parallel(With({.n_jobs = 2}));
  {
    auto session = parallel.session();
    while (accumulator < 1000) {
      const std::vector<double> results = parallel(each(
          range(5), [&](int i) { return delayed(Sqrt)(accumulator + i * i); }));
      accumulator += std::accumulate(results.begin(), results.end(), 0.0);
      ++n_iter;
    }
  }
  EXPECT_NEAR(accumulator, 1136.596, 0.001);
  EXPECT_EQ(n_iter, 14);
}

TEST(ParallelPageAloneTest, ACustomBackend) {
  class MyCustomBackend : public SequentialBackend {};
  register_parallel_backend("custom", [](const BackendParams&) {
    return std::make_shared<MyCustomBackend>();
  });
  parallel_config scope({.backend = "custom"});
  EXPECT_EQ(Printed(NegativesUpTo(5)), "[-1, -2, -3, -4, -5]");
}

TEST(ParallelPageAloneTest, TheDefaultBackendIsProcessesWhereThereAreAny) {
  EXPECT_THAT(
      Parallel({.n_jobs = 2})(
          each(range(3), [](int i) { return delayed(std::negate<int>())(i); })),
      ElementsAre(0, -1, -2));
  const auto pids = Parallel({.n_jobs = 2})(
      each(range(3), [](int) { return delayed(native::ProcessId)(); }));
  EXPECT_THAT(pids, SizeIs(3));
  if (internal::ProcessesAvailable()) {
    EXPECT_THAT(pids, Not(Contains(native::ProcessId())));
  } else {
    EXPECT_THAT(pids, Each(native::ProcessId()));
  }
}

}  // namespace
}  // namespace joblib
