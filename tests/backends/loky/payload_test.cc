// Large arguments and results, and channels that are full in both directions.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "joblib/joblib.h"
#include "tests/testing/shared_counters.h"
#include "tests/testing/warning_collector.h"

namespace joblib::testing {
namespace {

using ::testing::AllOf;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

using Bytes = std::vector<std::uint8_t>;

// No two of one size are alike, nor are their parts. Cheap where nothing is
// optimized, too.
Bytes Make(std::size_t n, int seed) {
  Bytes bytes(n);
  std::uint32_t x = 2654435761u * static_cast<std::uint32_t>(seed + 1);
  for (std::size_t i = 0; i < n; i += 1021) {
    x = x * 1664525u + 1013904223u;
    std::memset(&bytes[i], static_cast<int>(x >> 24),
                std::min<std::size_t>(n - i, 1021));
  }
  return bytes;
}
// Its first third behind the rest.
Bytes Turn(const Bytes& bytes) {
  const auto middle =
      bytes.begin() + static_cast<std::ptrdiff_t>(bytes.size() / 3);
  Bytes turned(middle, bytes.end());
  turned.insert(turned.end(), bytes.begin(), middle);
  return turned;
}

void ExpectTurned(int n_tasks, std::size_t n_bytes,
                  ParallelOptions options = {}) {
  options.n_jobs = 2;
  const std::vector<Bytes> results = Parallel(options)(each(
      range(n_tasks), [=](int i) { return delayed(Turn)(Make(n_bytes, i)); }));
  ASSERT_THAT(results, SizeIs(n_tasks));
  for (int i = 0; i < n_tasks; ++i) {
    EXPECT_TRUE(results[i] == Turn(Make(n_bytes, i))) << i;
  }
}

TEST(PayloadTest, HundredKilobytesBothWays) {
  ExpectTurned(300, 100'000);
  ExpectTurned(300, 100'000, {.batch_size = 50});
}
TEST(PayloadTest, AMegabyteBothWays) {
  ExpectTurned(50, 1'000'000);
  ExpectTurned(50, 1'000'000, {.batch_size = 25});
}
TEST(PayloadTest, TwentyMegabytesBothWays) {
  ExpectTurned(6, 20'000'000);
  ExpectTurned(6, 20'000'000, {.batch_size = 3});
}

// All around the sizes of frames, pages and rings.
TEST(PayloadTest, AwkwardSizes) {
  for (const std::size_t size :
       {0, 1, 7, 8, 9, 4096, 16384, 65536, 131072, 262144, 524288, 1048576}) {
    for (const int more : {-129, -64, -33, -17, -8, -1, 0, 1, 8, 40}) {
      if (more < 0 && size < static_cast<std::size_t>(-more)) continue;
      SCOPED_TRACE(size + more);
      ExpectTurned(4, size + more, {.batch_size = 2});
    }
  }
}

TEST(PayloadTest, MixedSizes) {
  constexpr int kTasks = 400;
  const auto size = [](int i) { return std::size_t{1} << (i * 7 % 20); };
  const std::vector<Bytes> results = Parallel({.n_jobs = 2})(each(
      range(kTasks), [&](int i) { return delayed(Turn)(Make(size(i), i)); }));
  ASSERT_THAT(results, SizeIs(kTasks));
  for (int i = 0; i < kTasks; ++i) {
    EXPECT_TRUE(results[i] == Turn(Make(size(i), i))) << i;
  }
}

// Both rings are full while the results are unread.
using Texts = std::vector<std::string>;
using Nested = std::pair<int, Shared<Texts>>;

// Both workers get both values, though they are encoded but once.
std::size_t SizeOf(const Bytes& bytes, int) { return bytes.size(); }
std::size_t SizeOfText(const std::string& text, int) { return text.size(); }

TEST(PayloadTest, TheSameLargeValueAgainAndAgainIsWarnedOfOnce) {
  const WarningCollector warnings;
  Parallel parallel({.n_jobs = 2});
  const auto call = [&](const Bytes& bytes, int n_tasks) {
    parallel(
        each(range(n_tasks), [&](int i) { return delayed(SizeOf)(bytes, i); }));
  };
  call(Make(2 << 20, 1), 16);
  call(Make(100'000, 1), 40);
  parallel(each(range(40),
                [](int i) { return delayed(SizeOf)(Make(1 << 20, i), i); }));
  EXPECT_THAT(warnings.messages(), IsEmpty());
  call(Make(2 << 20, 1), 40);
  EXPECT_THAT(warnings.messages(),
              ElementsAre(AllOf(HasSubstr("2097152 bytes"),
                                HasSubstr("more than 16 tasks"),
                                HasSubstr("joblib::Shared"))));
  const std::string text(3 << 20, 'x');
  parallel(
      each(range(40), [&](int i) { return delayed(SizeOfText)(text, i); }));
  EXPECT_THAT(warnings.messages(), SizeIs(2));
}

TEST(PayloadTest, ASharedValueWithinAnother) {
  const auto begun = SharedCounters::Zeros();
  const Shared<Nested> outer(Nested(1, Shared<Texts>(Texts{"a", "b"})));
  const auto sizes =
      Parallel({.n_jobs = 2, .batch_size = 1})(each(range(2), [&](int) {
        return delayed(
            [](const SharedCounters& begun, const Shared<Nested>& outer) {
              begun.Add();
              // The other worker has begun, too.
              if (!begun.AwaitAtLeast(0, 2)) throw std::runtime_error("alone");
              return outer->second->size();
            })(begun, outer);
      }));
  EXPECT_EQ(sizes, (std::vector<std::size_t>{2, 2}));
}

TEST(FullChannelTest, ResultsThatNobodyReadsYet) {
  constexpr int kTasks = 300;
  constexpr std::size_t kBytes = 60'000;
  auto results = Parallel({.n_jobs = 2, .pre_dispatch = "all"})
                     .generator(each(range(kTasks), [](int i) {
                       return delayed(Turn)(Make(kBytes, i));
                     }));
  EXPECT_TRUE(*results.begin() == Turn(Make(kBytes, 0)));
  // The other side may fill what it will, while this one is away.
  const auto elsewhere =
      Parallel({.n_jobs = 2}).map([](int n) { return n; }, range(10));
  EXPECT_THAT(elsewhere, SizeIs(10));
  int n = 0;
  for (const Bytes& result : results) {
    ASSERT_TRUE(result == Turn(Make(kBytes, n))) << n;
    ++n;
  }
  EXPECT_EQ(n, kTasks);
}

TEST(FullChannelTest, OneBatchOfManyBothWays) {
  ExpectTurned(1000, 60'000, {.batch_size = 500});
  ExpectTurned(5000, 3'000, {.batch_size = 2500});
}

TEST(FullChannelTest, TinyArgumentsLargeResults) {
  const std::vector<Bytes> results =
      Parallel({.n_jobs = 2, .batch_size = 200})(each(range(400), [](int i) {
        return delayed(Make)(std::size_t{200'000}, i);
      }));
  ASSERT_THAT(results, SizeIs(400));
  for (int i = 0; i < 400; ++i) {
    ASSERT_TRUE(results[i] == Make(200'000, i)) << i;
  }
}

TEST(FullChannelTest, LargeArgumentsTinyResults) {
  const std::vector<int> equal =
      Parallel({.n_jobs = 2, .batch_size = 100})(each(range(200), [](int i) {
        return delayed([](const Bytes& bytes, int n) {
          return bytes == Make(500'000, n) ? n : -1;
        })(Make(500'000, i), i);
      }));
  for (int i = 0; i < 200; ++i) EXPECT_EQ(equal[i], i);
}

// The ring's positions wrap around many times.
TEST(FullChannelTest, AGigabyteInSmallPieces) {
  const auto total = SharedCounters::Zeros();
  Parallel({.n_jobs = 2})(each(range(20'000), [&](int i) {
    return delayed([](const SharedCounters& total, const std::string& text) {
      total.Add(static_cast<std::int64_t>(text.size()));
    })(total, std::string(static_cast<std::size_t>(50'000 + i % 100), 'x'));
  }));
  EXPECT_EQ(total.Get(), 20'000ll * 50'000 + 200ll * 4950);
}

TEST(FullChannelTest, LargeResultsOfACallThatFails) {
  for (int round = 0; round < 5; ++round) {
    EXPECT_THROW(
        Parallel({.n_jobs = 2})(each(range(200),
                                     [](int i) {
                                       return delayed([](int n) {
                                         if (n == 57)
                                           throw std::domain_error("no");
                                         return Make(300'000, n);
                                       })(i);
                                     })),
        std::domain_error);
    ExpectTurned(10, 300'000);
  }
}

}  // namespace
}  // namespace joblib::testing
