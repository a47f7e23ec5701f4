#include "joblib/core/number_text.h"

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <limits>
#include <optional>
#include <random>
#include <string>

#include "gtest/gtest.h"

namespace joblib::internal {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

double OfBits(std::uint64_t bits) {
  double value = 0;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

std::string ByPrintf(const char* format, int precision, double value) {
  char text[512];
  std::snprintf(text, sizeof text, format, precision, value);
  return text;
}

void ExpectAsPrintf(double value, int precision) {
  EXPECT_EQ(FixedText(value, precision), ByPrintf("%.*f", precision, value));
  EXPECT_EQ(ScientificText(value, precision),
            ByPrintf("%.*e", precision, value));
  EXPECT_EQ(GeneralText(value, precision), ByPrintf("%.*g", precision, value));
}

TEST(NumberTextTest, IsPrintfs) {
  for (const double value : {0.0,
                             -0.0,
                             1.0,
                             0.5,
                             1.5,
                             2.5,
                             0.125,
                             0.375,
                             9.5,
                             9.75,
                             99.95,
                             999.5,
                             0.05,
                             0.0001,
                             0.00001234,
                             123456.0,
                             999999.5,
                             1e6,
                             1e21,
                             1e22,
                             1e23,
                             1e100,
                             0.1,
                             -0.1,
                             -2.5,
                             5e-324,
                             2.2250738585072014e-308,
                             1.7976931348623157e308,
                             kInfinity,
                             -kInfinity}) {
    for (int precision = 0; precision < 20; ++precision) {
      SCOPED_TRACE(precision);
      ExpectAsPrintf(value, precision);
    }
  }
}

// Any bits: of each magnitude.
TEST(NumberTextTest, IsPrintfsForAnyNumber) {
  std::mt19937_64 bits(1);
  for (int i = 0; i < 2000; ++i) {
    const double value = OfBits(bits());
    if (!std::isfinite(value)) continue;
    ExpectAsPrintf(value, static_cast<int>(bits() % 18));
  }
}

TEST(NumberTextTest, IsPrintfsForShortNumbers) {
  for (int i = 0; i < 4000; ++i) {
    for (const double unit : {0.5, 0.125, 0.1, 100.0}) {
      ExpectAsPrintf(i * unit, i % 4);
    }
  }
}

TEST(ParseDoubleTest, ReadsTheNearestNumber) {
  EXPECT_EQ(ParseDouble("0"), 0);
  EXPECT_EQ(ParseDouble("1.5"), 1.5);
  EXPECT_EQ(ParseDouble("1."), 1);
  EXPECT_EQ(ParseDouble(".25"), 0.25);
  EXPECT_EQ(ParseDouble("-3e2"), -300);
  EXPECT_EQ(ParseDouble("1E-3"), 0.001);
  EXPECT_EQ(ParseDouble("9007199254740993"), 9007199254740992.0);
  EXPECT_EQ(ParseDouble("1e999"), kInfinity);
}

TEST(ParseDoubleTest, ReadsWhatWasWritten) {
  std::mt19937_64 bits(2);
  for (int i = 0; i < 2000; ++i) {
    const double value = OfBits(bits());
    if (std::isfinite(value)) {
      EXPECT_EQ(ParseDouble(ScientificText(value, 16)), value);
    }
  }
}

// Halfway between two numbers, and a bit more or less.
TEST(ParseDoubleTest, RoundsHalfToEven) {
  EXPECT_EQ(ParseDouble("9007199254740993.0000000000000000000001"),
            9007199254740994.0);
  EXPECT_EQ(ParseDouble("9007199254740992.9999999999999999999999"),
            9007199254740992.0);
  EXPECT_EQ(ParseDouble("9007199254740995"), 9007199254740996.0);
  // Half of the smallest number, and beside the largest.
  EXPECT_EQ(ParseDouble("2.4703282292062327e-324"), 0);
  EXPECT_EQ(ParseDouble("2.4703282292062328e-324"), 5e-324);
  EXPECT_EQ(ParseDouble("1.7976931348623158e308"), 1.7976931348623157e308);
  EXPECT_EQ(ParseDouble("1.7976931348623159e308"), kInfinity);
  EXPECT_EQ(ParseDouble("1e-999999999999"), 0);
  EXPECT_EQ(ParseDouble("1e999999999999"), kInfinity);
  // A power of two, whose neighbours are not equally far.
  EXPECT_EQ(ParseDouble("4503599627370495.75"), 4503599627370496.0);
  EXPECT_EQ(ParseDouble("4503599627370495.7"), 4503599627370495.5);
}

TEST(ParseDoubleTest, RefusesAllElse) {
  for (const char* text :
       {"", ".", "-", "e5", "1e", "1e+", "1.2.3", "1_000", "x", "1x"}) {
    EXPECT_EQ(ParseDouble(text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace joblib::internal
