#include "joblib/core/byte_size.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace joblib::internal {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

std::int64_t Size(std::string_view text) {
  std::string why;
  const std::optional<std::int64_t> size = ParseByteSize(text, &why);
  EXPECT_TRUE(size.has_value()) << why;
  return size.value_or(-999);
}

std::string ErrorOf(std::string_view text) {
  std::string why;
  return ParseByteSize(text, &why).has_value() ? "no error" : why;
}

TEST(ParseByteSizeTest, UnitsArePowersOf1024) {
  EXPECT_EQ(Size("10K"), 10240);
  EXPECT_EQ(Size("1.5M"), 1572864);
  EXPECT_EQ(Size("2G"), 2147483648);
}

TEST(ParseByteSizeTest, NumbersArePythons) {
  EXPECT_EQ(Size(" \t10 K"), 10240);
  EXPECT_EQ(Size("1_0K"), 10240);
  EXPECT_EQ(Size("+1e1K"), 10240);
  EXPECT_EQ(Size(".5K"), 512);
  EXPECT_EQ(Size("5.K"), 5120);
}

TEST(ParseByteSizeTest, FractionsOfAByteAreDropped) {
  EXPECT_EQ(Size("0.0001K"), 0);
  EXPECT_EQ(Size("-0.0001K"), 0);
  EXPECT_EQ(Size("0.9999K"), 1023);
}

TEST(ParseByteSizeTest, WhatIsNoSizeIsRefusedInJoblibsWords) {
  EXPECT_EQ(ErrorOf("12Q"),
            "Invalid literal for size give: 12Q (type <class 'str'>) should be "
            "alike '10G', '500M', '50K'.");
  for (std::string_view wrong :
       {"",      "K",       "10",  "1k",   "1KB",   "7K ",   "1,5M",  "0x1K",
        "nanM",  "nan(1)K", "_1K", "1_K",  "1__0K", "1_.5K", "1._5K", "1eK",
        "1e_1K", ".K",      "e1K", "+-1K", "1 0K",  "--1K"}) {
    EXPECT_THAT(ErrorOf(wrong), StartsWith("Invalid literal for size give: "))
        << wrong;
  }
}

TEST(ParseByteSizeTest, NegativeSizesAreRefused) {
  EXPECT_THAT(ErrorOf("-1M"), HasSubstr("A size cannot be negative."));
  EXPECT_THAT(ErrorOf("-infG"), HasSubstr("A size cannot be negative."));
}

TEST(ParseByteSizeTest, SizesBeyond64BitsAreRefused) {
  EXPECT_EQ(Size("8589934591G"), 9223372035781033984);
  for (std::string_view wrong : {"8589934592G", "1e300G", "1e999K", "infK"}) {
    EXPECT_THAT(ErrorOf(wrong), HasSubstr("largest size is '8589934591G'"))
        << wrong;
  }
}

TEST(ParseByteSizeTest, ALongTextIsQuotedInPart) {
  EXPECT_LT(ErrorOf(std::string(1'000'000, '1')).size(), 400u);
}

}  // namespace
}  // namespace joblib::internal
