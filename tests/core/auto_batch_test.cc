#include "joblib/core/auto_batch.h"

#include <cstdint>
#include <limits>

#include "gtest/gtest.h"

namespace joblib::internal {
namespace {

// `seconds` for a batch of the current size, then the next size.
AutoBatch::Advice NextAfter(AutoBatch& auto_batch, double seconds) {
  auto_batch.Completed(auto_batch.size(), seconds);
  return auto_batch.NextSize();
}

TEST(AutoBatchTest, StartsWithSingleTasks) {
  AutoBatch auto_batch;
  const AutoBatch::Advice advice = auto_batch.NextSize();
  EXPECT_EQ(advice.size, 1);
  EXPECT_EQ(advice.message, "");
}

TEST(AutoBatchTest, BatchesThatAreTooFastDouble) {
  AutoBatch auto_batch;
  const AutoBatch::Advice advice = NextAfter(auto_batch, 0.01);
  EXPECT_EQ(advice.size, 2);
  EXPECT_EQ(advice.message,
            "Batch computation too fast (0.01s.) Setting batch_size=2.");
  EXPECT_EQ(NextAfter(auto_batch, 0.01).size, 4);
}

TEST(AutoBatchTest, BatchesThatAreTooSlowShrinkAtOnce) {
  AutoBatch auto_batch;
  for (int i = 0; i < 6; ++i) NextAfter(auto_batch, 0.001);
  ASSERT_EQ(auto_batch.size(), 64);
  const AutoBatch::Advice advice = NextAfter(auto_batch, 2.5);
  EXPECT_EQ(advice.size, 10);  // Twice what takes 0.2 s.
  EXPECT_EQ(advice.message,
            "Batch computation too slow (2.5s.) Setting batch_size=10.");
}

TEST(AutoBatchTest, TheUpperLimitIsAParameter) {
  AutoBatch patient(/*max_ideal_seconds=*/2);
  AutoBatch impatient(/*max_ideal_seconds=*/1);
  for (AutoBatch* auto_batch : {&patient, &impatient}) {
    NextAfter(*auto_batch, 0.01);
    NextAfter(*auto_batch, 1.5);
  }
  EXPECT_EQ(patient.size(), 2);
  EXPECT_EQ(impatient.size(), 1);
}

TEST(AutoBatchTest, BatchesOfOtherSizesTellNothing) {
  AutoBatch auto_batch;
  NextAfter(auto_batch, 0.01);
  auto_batch.Completed(1, 0.001);
  auto_batch.Completed(4, 0.001);
  EXPECT_EQ(auto_batch.NextSize().size, 2);
}

TEST(AutoBatchTest, AChangeOfSizeForgetsWhatWasMeasured) {
  AutoBatch auto_batch;
  NextAfter(auto_batch, 0.01);
  EXPECT_EQ(auto_batch.NextSize().size, 2);
}

TEST(AutoBatchTest, OneQuickBatchAmongSlowOnesChangesNothing) {
  AutoBatch auto_batch;
  NextAfter(auto_batch, 1.0);
  EXPECT_EQ(NextAfter(auto_batch, 0.01).size, 1);
}

TEST(AutoBatchTest, ASlowSingleTaskIsNothingToSay) {
  AutoBatch auto_batch;
  EXPECT_EQ(NextAfter(auto_batch, 30).message, "");
  EXPECT_EQ(auto_batch.size(), 1);
}

TEST(AutoBatchTest, ResetForgetsSizeAndMeasurements) {
  AutoBatch auto_batch;
  NextAfter(auto_batch, 0.01);
  auto_batch.Completed(2, 0.01);
  auto_batch.Reset();
  EXPECT_EQ(auto_batch.NextSize().size, 1);
}

TEST(AutoBatchTest, InstantBatchesNeverOverflowTheSize) {
  AutoBatch auto_batch;
  std::int64_t size = 1;
  for (int i = 0; i < 200; ++i) {
    const std::int64_t next =
        NextAfter(auto_batch, std::numeric_limits<double>::denorm_min()).size;
    EXPECT_GE(next, size);
    size = next;
  }
}

}  // namespace
}  // namespace joblib::internal
