// What holds where tasks use the test's own memory: references, captured
// locals, which thread what dies on, and any type at all.
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "tests/contract/contract.h"
#include "tests/testing/gates.h"
#include "tests/testing/warning_collector.h"

namespace joblib::testing {

GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(SharedMemoryContractTest);

namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::SizeIs;
using ::testing::StartsWith;
using ::testing::ThrowsMessage;

constexpr std::int64_t kEndless = std::int64_t{1} << 60;

TEST_P(SharedMemoryContractTest, SharedMemoryIsSeenByTheTasks) {
  ASSERT_TRUE(backend_->supports_sharedmem());
  std::vector<int> output(300);
  Parallel(With({.require = "sharedmem"}))(each(range(300), [&](int i) {
    return delayed([](std::vector<int>& out, int n) { out[n] = n; })(
        std::ref(output), i);
  }));
  for (int i = 0; i < 300; ++i) ASSERT_EQ(output[i], i);
}

struct NoDefault {
  explicit NoDefault(int v) : value(v) {}
  NoDefault(NoDefault&&) = default;
  NoDefault& operator=(NoDefault&&) = default;
  int value;
};

TEST_P(SharedMemoryContractTest, ResultsWithoutADefaultConstructor) {
  const std::vector<NoDefault> results =
      Parallel{With()}(each(range(50), [](int i) {
        return delayed([](int v) { return NoDefault(v); })(i);
      }));
  ASSERT_THAT(results, SizeIs(50));
  EXPECT_EQ(results[49].value, 49);
  int n = 0;
  for (NoDefault& result :
       Parallel{With()}.generator(each(range(50), [](int i) {
         return delayed([](int v) { return NoDefault(v); })(i);
       }))) {
    EXPECT_EQ(result.value, n++);
  }
  EXPECT_EQ(n, 50);
}

TEST_P(SharedMemoryContractTest, ReferencesToTheTestsMemoryAreCopied) {
  std::string text = "kept";
  const auto results = Parallel{With()}(each(range(3), [&](int) {
    return delayed([](std::string& s) -> const std::string& { return s; })(
        std::ref(text));
  }));
  text = "changed";
  EXPECT_THAT(results, SizeIs(3));
  EXPECT_THAT(results, Each(std::string("kept")));
}

struct OwnError {
  std::string text;
};

TEST_P(SharedMemoryContractTest, AnErrorOfAnyTypeArrivesAsItself) {
  Parallel parallel(With());
  const auto run = [&](auto thrower) {
    parallel(each(range(40), [thrower](int i) {
      return delayed([thrower](int n) {
        if (n == 20) thrower();
        return n;
      })(i);
    }));
  };
  EXPECT_THROW(run([] { throw 42; }), int);
  try {
    run([] { throw OwnError{"own"}; });
    ADD_FAILURE();
  } catch (const OwnError& error) {
    EXPECT_EQ(error.text, "own");
  }
}

TEST_P(SharedMemoryContractTest, ARunningTaskSeesTheStop) {
  StopSource stop;
  EXPECT_FALSE(stop_requested());
  std::atomic<bool> before{true}, after{false};
  EXPECT_THROW(Parallel(With({.stop_token = stop.token()}))(
                   each(range(kEndless),
                        [&](std::int64_t i) {
                          return delayed([&](std::int64_t n) {
                            if (n != 3) {
                              return;
                            }
                            before = stop_requested();
                            stop.request_stop();
                            after = stop_requested();
                          })(i);
                        })),
               CancelledError);
  EXPECT_FALSE(before);
  EXPECT_TRUE(after);
  EXPECT_FALSE(stop_requested());
}

TEST_P(SharedMemoryContractTest, CallingARunningParallelFromItsTaskIsRefused) {
  Parallel parallel(With());
  EXPECT_THAT(
      [&] {
        parallel(each(range(3), [&](int) {
          return delayed([&parallel] {
            parallel(each(range(1), [](int) { return delayed([] {})(); }));
          })();
        }));
      },
      ThrowsMessage<std::runtime_error>(
          StartsWith("This Parallel instance is already running !")));
  EXPECT_THAT(parallel.map([](int n) { return n; }, range(2)),
              ElementsAre(0, 1));
}

TEST_P(SharedMemoryContractTest, ADroppedGeneratorsTasksSeeTheStop) {
  if (!is_concurrent()) GTEST_SKIP() << "no task runs meanwhile";
  const WarningCollector warnings;
  Gate blocked, woken;
  {
    auto results = Parallel{With()}.generator(each(range(2), [&](int i) {
      return delayed([&](int n) {
        if (n == 0) return;
        Gate stop;
        const auto handle =
            current_stop_token().on_stop([&stop] { stop.Open(); });
        blocked.Open();
        if (stop.Wait() && stop_requested()) woken.Open();
      })(i);
    }));
    results.begin();
    EXPECT_TRUE(blocked.Wait());
  }
  EXPECT_TRUE(woken.is_open());
}

TEST_P(SharedMemoryContractTest, AGeneratorBegunInATaskMayBeReadAfterIt) {
  std::optional<Generator<int>> results;
  {
    Parallel outer(With());
    outer(each(range(1), [&](int) {
      return delayed([this, &results] {
        results = Parallel{With()}.generator(each(range(10), [](int i) {
          return delayed([](int n) { return n; })(i);
        }));
        EXPECT_EQ(*results->begin(), 0);
      })();
    }));
  }
  std::vector<int> rest;
  for (const int result : *results) rest.push_back(result);
  EXPECT_THAT(rest, ElementsAre(0, 1, 2, 3, 4, 5, 6, 7, 8, 9));
  EXPECT_FALSE(stop_requested());
  EXPECT_EQ(worker_index(), 0);
}

// Tells its destruction by the thread it happens on.
struct Witness {
  explicit Witness(std::mutex& m, std::multiset<std::thread::id>& t)
      : mutex(&m), threads(&t) {}
  Witness(Witness&& other) noexcept
      : mutex(other.mutex), threads(std::exchange(other.threads, nullptr)) {}
  Witness& operator=(Witness&&) = delete;
  ~Witness() {
    if (threads == nullptr) return;
    const std::lock_guard<std::mutex> lock(*mutex);
    threads->insert(std::this_thread::get_id());
  }
  std::mutex* mutex;
  std::multiset<std::thread::id>* threads;
};

TEST_P(SharedMemoryContractTest, CallsAreDestroyedBeforeTheCallReturns) {
  std::mutex mutex;
  std::multiset<std::thread::id> destroyed;
  Parallel{With()}(each(range(100), [&](int) {
    return delayed([](const Witness&) {})(Witness(mutex, destroyed));
  }));
  EXPECT_EQ(destroyed.size(), 100);
  destroyed.clear();
  EXPECT_THROW(
      Parallel{With()}(each(range(100),
                            [&](int i) {
                              return delayed([](const Witness&, int n) {
                                if (n == 7) throw 7;
                              })(Witness(mutex, destroyed), i);
                            })),
      int);
  const std::size_t n_at_return = destroyed.size();
  EXPECT_GE(n_at_return, 8);
}

TEST_P(SharedMemoryContractTest, InputFunctionAndResultsDieOnTheCallingThread) {
  std::mutex mutex;
  std::multiset<std::thread::id> destroyed;
  const auto task = [&](int i) {
    return delayed(
        [&mutex, &destroyed](int) { return Witness(mutex, destroyed); })(i);
  };
  {
    const std::vector<Witness> results = Parallel{With()}(
        each(range(50), [task, w = std::make_shared<Witness>(mutex, destroyed)](
                            int i) { return task(i); }));
    EXPECT_EQ(destroyed.count(std::this_thread::get_id()), 1);  // The input's.
    EXPECT_EQ(destroyed.size(), 1);
  }
  EXPECT_EQ(destroyed.count(std::this_thread::get_id()), 51);
  EXPECT_EQ(destroyed.size(), 51);

  // Of a call that fails, what was a result already.
  destroyed.clear();
  EXPECT_THROW(
      Parallel{With()}(each(range(50),
                            [&](int i) {
                              return delayed([&mutex, &destroyed](int n) {
                                if (n == 30) throw 30;
                                return Witness(mutex, destroyed);
                              })(i);
                            })),
      int);
  EXPECT_GE(destroyed.size(), is_plain_loop() ? 30 : 1);
  EXPECT_EQ(destroyed.count(std::this_thread::get_id()), destroyed.size());

  // Of a generator that is dropped.
  destroyed.clear();
  {
    const WarningHandler former = set_warning_handler([](const Warning&) {});
    auto results = Parallel{With()}.generator(each(range(50), task));
    results.begin();
    { auto dropped = std::move(results); }
    set_warning_handler(former);
  }
  EXPECT_GE(destroyed.size(), 1);
  EXPECT_EQ(destroyed.count(std::this_thread::get_id()), destroyed.size());
}

}  // namespace
}  // namespace joblib::testing
