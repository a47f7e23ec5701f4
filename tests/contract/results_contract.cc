// What a call gives back: values of any type, in the order of the tasks, from
// any input.
#include <cstdint>
#include <list>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "tests/contract/contract.h"
#include "tests/testing/shared_counters.h"

namespace joblib::testing {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

int Square(int i) { return i * i; }

std::vector<int> Squares(int n) {
  std::vector<int> squares(n);
  for (int i = 0; i < n; ++i) squares[i] = Square(i);
  return squares;
}

TEST_P(BackendContractTest, ResultsKeepTheOrderOfTheTasks) {
  for (const int n : {1, 2, 3, 10, 2000}) {
    EXPECT_EQ(Parallel{With()}(
                  each(range(n), [](int i) { return delayed(Square)(i); })),
              Squares(n))
        << n;
  }
}

TEST_P(BackendContractTest, BatchSizeAndPreDispatchDoNotChangeResults) {
  for (const int batch_size : {1, 7, 5000}) {
    EXPECT_EQ(Parallel(With({.batch_size = batch_size}))(
                  each(range(300), [](int i) { return delayed(Square)(i); })),
              Squares(300))
        << batch_size;
  }
  for (const char* pre_dispatch : {"all", "1", "3", "n_jobs // 2 + 1"}) {
    EXPECT_EQ(Parallel(With({.pre_dispatch = pre_dispatch}))(
                  each(range(300), [](int i) { return delayed(Square)(i); })),
              Squares(300))
        << pre_dispatch;
    EXPECT_EQ(Parallel(With({.batch_size = 5, .pre_dispatch = pre_dispatch}))(
                  each(range(300), [](int i) { return delayed(Square)(i); })),
              Squares(300))
        << pre_dispatch;
  }
}

TEST_P(BackendContractTest, EachTaskRunsExactlyOnce) {
  const auto ran = SharedCounters::Zeros(500);
  Parallel{With()}(each(range(500), [&](int i) {
    return delayed([](const SharedCounters& ran, int n) { ran.Add(n, 1); })(ran,
                                                                            i);
  }));
  for (int i = 0; i < 500; ++i) ASSERT_EQ(ran.Get(i), 1) << i;
}

TEST_P(BackendContractTest, VoidTasksGiveNothing) {
  Parallel parallel(With());
  static_assert(
      std::is_void_v<decltype(parallel(std::vector{delayed([] {})()}))>);
  parallel(each(range(100), [](int) { return delayed([] {})(); }));
}

TEST_P(BackendContractTest, BoolResultsAreAnOrdinaryVectorOfBool) {
  const std::vector<bool> odd = Parallel{With()}(each(range(1000), [](int i) {
    return delayed([](int n) { return n % 2 == 1; })(i);
  }));
  ASSERT_THAT(odd, SizeIs(1000));
  for (int i = 0; i < 1000; ++i) ASSERT_EQ(odd[i], i % 2 == 1) << i;
}

TEST_P(BackendContractTest, MoveOnlyArgumentsAndResults) {
  const std::vector<std::unique_ptr<int>> results =
      Parallel{With()}(each(range(100), [](int i) {
        return delayed([](std::unique_ptr<int> p) {
          *p += 1;
          return p;
        })(std::make_unique<int>(i));
      }));
  ASSERT_THAT(results, SizeIs(100));
  for (int i = 0; i < 100; ++i) EXPECT_EQ(*results[i], i + 1);
}

TEST_P(BackendContractTest, MoveOnlyCallsOfAVectorThatIsGivenAway) {
  auto call = [](int i) {
    return delayed([](std::unique_ptr<int> p) { return *p; })(
        std::make_unique<int>(i));
  };
  std::vector<decltype(call(0))> calls;
  for (int i = 0; i < 3; ++i) calls.push_back(call(i));
  EXPECT_THAT(Parallel{With()}(std::move(calls)), ElementsAre(0, 1, 2));
}

TEST_P(BackendContractTest, ReferenceResultsAreCopied) {
  const auto results = Parallel{With()}(each(range(3), [](int) {
    return delayed([](const std::string& s) -> const std::string& {
      return s;
    })(std::string("kept"));
  }));
  static_assert(
      std::is_same_v<decltype(results), const std::vector<std::string>>);
  EXPECT_THAT(results, SizeIs(3));
  EXPECT_THAT(results, Each(std::string("kept")));
}

struct alignas(64) Wide {
  std::int64_t numbers[64];
  template <class Archive>
  void serialize(Archive& archive) {
    for (std::int64_t& number : numbers) archive(number);
  }
};

TEST_P(BackendContractTest, LargeAndOverAlignedResults) {
  const std::vector<Wide> wide = Parallel{With()}(each(range(500), [](int i) {
    return delayed([](int n) {
      Wide w = {};
      w.numbers[63] = n;
      return w;
    })(i);
  }));
  ASSERT_THAT(wide, SizeIs(500));
  for (int i = 0; i < 500; ++i) ASSERT_EQ(wide[i].numbers[63], i);
  const std::vector<std::string> texts = Parallel(
      With())(each(range(500), [](int i) {
    return delayed([](int n) { return std::string(1000, 'a' + n % 26); })(i);
  }));
  for (int i = 0; i < 500; ++i) {
    ASSERT_EQ(texts[i], std::string(1000, 'a' + i % 26));
  }
}

TEST_P(BackendContractTest, EmptyInputs) {
  const auto none = [] {
    return each(range(0), [](int i) { return delayed(Square)(i); });
  };
  Parallel parallel(With());
  EXPECT_THAT(parallel(none()), IsEmpty());
  EXPECT_THAT(parallel.collect(none()), IsEmpty());
  EXPECT_THAT(parallel.map(Square, std::vector<int>()), IsEmpty());
}

TEST_P(BackendContractTest, AVectorGivenAsAnLvalueIsLeftAsItWas) {
  const auto length = [](const std::string& s) { return s.size(); };
  std::vector calls{delayed(length)(std::string(100, 'x')),
                    delayed(length)(std::string(200, 'y'))};
  Parallel parallel(With());
  EXPECT_THAT(parallel(calls), ElementsAre(100, 200));
  EXPECT_THAT(parallel(calls), ElementsAre(100, 200));
  EXPECT_THAT(parallel(std::as_const(calls)), ElementsAre(100, 200));
}

TEST_P(BackendContractTest, MapGoesAsFarAsTheShortestRange) {
  const std::vector<int> xs = {1, 2, 3};
  const std::list<int> ys = {10, 20, 30, 40};
  EXPECT_THAT(Parallel{With()}.map([](int x, int y) { return x + y; }, xs, ys),
              ElementsAre(11, 22, 33));
  EXPECT_THAT(Parallel{With()}.map(Square, range(4)), ElementsAre(0, 1, 4, 9));
}

TEST_P(BackendContractTest, SinglePassInputsAreReadOnce) {
  std::istringstream numbers("3 1 4 1 5 9");
  struct Words {
    std::istream_iterator<int> begin() { return first; }
    std::istream_iterator<int> end() { return {}; }
    std::istream_iterator<int> first;
  };
  EXPECT_THAT(Parallel{With()}(each(Words{std::istream_iterator<int>(numbers)},
                                    [](int i) { return delayed(Square)(i); })),
              ElementsAre(9, 1, 16, 1, 25, 81));
}

TEST_P(BackendContractTest, CollectGivesValuesAndErrorsInOrder) {
  const auto outcomes = Parallel{With()}.collect(each(range(200), [](int i) {
    return delayed([](int n) {
      if (n % 10 == 3) throw std::out_of_range(std::to_string(n));
      return n;
    })(i);
  }));
  ASSERT_THAT(outcomes, SizeIs(200));
  for (int i = 0; i < 200; ++i) {
    ASSERT_EQ(outcomes[i].has_value(), i % 10 != 3) << i;
    if (outcomes[i].has_value()) {
      EXPECT_EQ(outcomes[i].value(), i);
      EXPECT_EQ(outcomes[i].error(), nullptr);
    } else {
      EXPECT_EQ(outcomes[i].message(), std::to_string(i));
      EXPECT_THROW(outcomes[i].value(), std::out_of_range);
    }
  }
}

TEST_P(BackendContractTest, CollectOfVoidTasks) {
  const auto outcomes = Parallel{With()}.collect(each(range(4), [](int i) {
    return delayed([](int n) {
      if (n == 2) throw std::domain_error("two");
    })(i);
  }));
  ASSERT_THAT(outcomes, SizeIs(4));
  EXPECT_TRUE(outcomes[0].has_value());
  EXPECT_THROW(outcomes[2].value(), std::domain_error);
  EXPECT_FALSE(outcomes[2].message().empty());
}

TEST_P(BackendContractTest, CollectOfMoveOnlyResults) {
  auto outcomes = Parallel{With()}.collect(each(range(4), [](int i) {
    return delayed([](int n) {
      if (n == 1) throw std::runtime_error("one");
      return std::make_unique<int>(n);
    })(i);
  }));
  ASSERT_THAT(outcomes, SizeIs(4));
  EXPECT_EQ(*outcomes[3].value(), 3);
  EXPECT_FALSE(outcomes[1].has_value());
}

// In `running`: how many tasks run under each index, then what all found.
constexpr int kMostIndices = 100;
constexpr int kHighest = kMostIndices;
constexpr int kClashes = kMostIndices + 1;

void ShowIndex(const SharedCounters& running) {
  const int index = worker_index();
  running.Raise(kHighest, index);
  if (running.Add(index, 1) != 1) running.Add(kClashes, 1);
  std::this_thread::yield();
  running.Add(index, -1);
}

TEST_P(BackendContractTest, WorkerIndicesTellRunningTasksApart) {
  if (is_cluster()) GTEST_SKIP() << "an engine does not number its workers";
  const auto running = SharedCounters::Zeros(kMostIndices + 2);
  Parallel{With()}(
      each(range(300), [&](int) { return delayed(ShowIndex)(running); }));
  EXPECT_EQ(running.Get(kClashes), 0);
  // Its worker's, or the lowest free one: then as many as there are batches
  // under way, a window's worth.
  EXPECT_LT(running.Get(kHighest),
            GetParam().keeps_to_n_jobs ? n_workers() : 2 * n_workers());
  EXPECT_EQ(worker_index(), 0);
}

}  // namespace
}  // namespace joblib::testing
