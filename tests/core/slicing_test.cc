#include "joblib/core/slicing.h"

#include <cstdint>
#include <limits>
#include <numeric>
#include <optional>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace joblib::internal {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using Reader = Slicer::Reader;

constexpr std::int64_t kMaxCount = std::numeric_limits<std::int64_t>::max();

TEST(SlicerTest, ReadsOneBatchForEachWorkerAtATime) {
  Slicer slicer(/*n_jobs=*/3, /*pre_dispatch=*/30);
  EXPECT_EQ(slicer.NextRead(Reader::kStart, /*batch_size=*/4), 12);
  EXPECT_THAT(slicer.Cut(12), ElementsAre(4, 4, 4));
}

TEST(SlicerTest, TheStartReadsPreDispatchItemsInAll) {
  Slicer slicer(/*n_jobs=*/2, /*pre_dispatch=*/5);
  EXPECT_EQ(slicer.NextRead(Reader::kStart, /*batch_size=*/2), 4);
  EXPECT_EQ(slicer.NextRead(Reader::kStart, /*batch_size=*/2), 1);
  EXPECT_EQ(slicer.NextRead(Reader::kStart, /*batch_size=*/2), 0);
}

TEST(SlicerTest, AWindowSmallerThanASliceShrinksItsBatches) {
  Slicer slicer(/*n_jobs=*/2, /*pre_dispatch=*/4);
  ASSERT_EQ(slicer.NextRead(Reader::kStart, /*batch_size=*/50), 4);
  EXPECT_THAT(slicer.Cut(4), ElementsAre(2, 2));
}

TEST(SlicerTest, ALeftoverIsABatchOfItsOwn) {
  Slicer slicer(/*n_jobs=*/3, /*pre_dispatch=*/5);
  ASSERT_EQ(slicer.NextRead(Reader::kStart, /*batch_size=*/2), 5);
  EXPECT_THAT(slicer.Cut(5), ElementsAre(1, 1, 1, 1, 1));
  Slicer other(/*n_jobs=*/2, std::nullopt);
  ASSERT_EQ(other.NextRead(Reader::kStart, /*batch_size=*/10), 20);
  EXPECT_THAT(other.Cut(5), ElementsAre(2, 2, 1));
}

TEST(SlicerTest, CompletionsReadWhateverTheWindowWas) {
  Slicer slicer(/*n_jobs=*/2, /*pre_dispatch=*/2);
  slicer.NextRead(Reader::kStart, /*batch_size=*/3);
  EXPECT_EQ(slicer.NextRead(Reader::kCompletion, /*batch_size=*/3), 6);
  EXPECT_THAT(slicer.Cut(6), ElementsAre(3, 3));
}

TEST(SlicerTest, CompletionsCutTheLastSliceFiner) {
  Slicer slicer(/*n_jobs=*/2, /*pre_dispatch=*/2);
  ASSERT_EQ(slicer.NextRead(Reader::kCompletion, /*batch_size=*/50), 100);
  EXPECT_THAT(slicer.Cut(60), testing::SizeIs(20));
  EXPECT_THAT(slicer.Cut(3), ElementsAre(1, 1, 1));
}

TEST(SlicerTest, AllIsReadByTheStart) {
  Slicer slicer(/*n_jobs=*/2, /*pre_dispatch=*/std::nullopt);
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(slicer.NextRead(Reader::kStart, /*batch_size=*/10), 20);
  }
  EXPECT_EQ(slicer.NextRead(Reader::kCompletion, /*batch_size=*/10), 0);
}

TEST(SlicerTest, NothingGotIsNothingToSend) {
  Slicer slicer(/*n_jobs=*/2, /*pre_dispatch=*/2);
  slicer.NextRead(Reader::kCompletion, /*batch_size=*/1);
  EXPECT_THAT(slicer.Cut(0), IsEmpty());
}

TEST(SlicerTest, NoWindowIsNothingToRead) {
  for (std::int64_t pre_dispatch : {0, -3}) {
    Slicer slicer(/*n_jobs=*/2, pre_dispatch);
    EXPECT_EQ(slicer.NextRead(Reader::kStart, /*batch_size=*/1), 0);
  }
}

TEST(SlicerTest, NoItemIsLostWhateverTheNumbers) {
  for (std::int64_t n_jobs : {1, 2, 7}) {
    for (std::int64_t got = 0; got < 200; ++got) {
      Slicer slicer(n_jobs, 4);
      slicer.NextRead(got % 2 == 0 ? Reader::kStart : Reader::kCompletion, 30);
      const std::vector<std::int64_t> cut = slicer.Cut(got);
      EXPECT_EQ(std::accumulate(cut.begin(), cut.end(), std::int64_t{0}), got);
    }
  }
}

TEST(SlicerTest, HugeBatchesDoNotOverflow) {
  Slicer slicer(/*n_jobs=*/1000, /*pre_dispatch=*/kMaxCount);
  EXPECT_EQ(slicer.NextRead(Reader::kCompletion, kMaxCount), kMaxCount);
  EXPECT_EQ(slicer.NextRead(Reader::kStart, kMaxCount), kMaxCount);
  EXPECT_EQ(slicer.NextRead(Reader::kStart, kMaxCount), 0);
  Slicer all(/*n_jobs=*/2, /*pre_dispatch=*/std::nullopt);
  EXPECT_EQ(all.NextRead(Reader::kStart, kMaxCount), kMaxCount);
  EXPECT_EQ(all.NextRead(Reader::kStart, kMaxCount), kMaxCount);
}

}  // namespace
}  // namespace joblib::internal
