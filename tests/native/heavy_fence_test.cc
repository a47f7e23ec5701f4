#include "native/heavy_fence.h"

#include "gtest/gtest.h"

namespace joblib::native {
namespace {

TEST(HeavyFenceTest, TheAnswerNeverChanges) {
  const bool available = HeavyFenceAvailable();
  for (int i = 0; i < 100; ++i) EXPECT_EQ(HeavyFenceAvailable(), available);
}

TEST(HeavyFenceTest, FencesWhereAvailable) {
  if (!HeavyFenceAvailable()) GTEST_SKIP() << "not in this build";
  HeavyFence();
  LightFence();
}

}  // namespace
}  // namespace joblib::native
