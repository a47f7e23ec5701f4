#include "joblib/core/python_repr.h"

#include <cmath>
#include <cstdint>
#include <limits>
#include <string_view>

#include "gtest/gtest.h"

namespace joblib::internal {
namespace {

TEST(PythonReprTest, AFloatHasTheFewestDigitsThatReadBack) {
  EXPECT_EQ(PythonRepr(0.1), "0.1");
  EXPECT_EQ(PythonRepr(0.1 + 0.2), "0.30000000000000004");
  EXPECT_EQ(PythonRepr(1.0 / 3), "0.3333333333333333");
  EXPECT_EQ(PythonRepr(5e-324), "5e-324");
  EXPECT_EQ(PythonRepr(1.7976931348623157e308), "1.7976931348623157e+308");
}

TEST(PythonReprTest, APowerOfTwoMayBeShorterThanItsNearestDecimal) {
  EXPECT_EQ(PythonRepr(std::ldexp(1.0, -44)), "5.684341886080802e-14");
}

TEST(PythonReprTest, AFloatAlwaysShowsThatItIsOne) {
  EXPECT_EQ(PythonRepr(2.0), "2.0");
  EXPECT_EQ(PythonRepr(0.0), "0.0");
  EXPECT_EQ(PythonRepr(-0.0), "-0.0");
  EXPECT_EQ(PythonRepr(10000000.0), "10000000.0");
}

TEST(PythonReprTest, ExponentsStartAtSixteenAndBelowMinusFour) {
  EXPECT_EQ(PythonRepr(9999999999999998.0), "9999999999999998.0");
  EXPECT_EQ(PythonRepr(1e16), "1e+16");
  EXPECT_EQ(PythonRepr(1.5e300), "1.5e+300");
  EXPECT_EQ(PythonRepr(0.0001), "0.0001");
  EXPECT_EQ(PythonRepr(0.00001), "1e-05");
}

TEST(PythonReprTest, NumbersThatAreNotFiniteHavePythonsNames) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  EXPECT_EQ(PythonRepr(kInfinity), "inf");
  EXPECT_EQ(PythonRepr(-kInfinity), "-inf");
  EXPECT_EQ(PythonRepr(std::nan("")), "nan");
  EXPECT_EQ(PythonRepr(-std::nan("")), "nan");
}

TEST(PythonReprTest, AnIntegerIsItsDigits) {
  EXPECT_EQ(PythonRepr(-7), "-7");
  EXPECT_EQ(PythonRepr(std::numeric_limits<std::int64_t>::min()),
            "-9223372036854775808");
}

TEST(PythonReprTest, ATextTakesTheQuotesThatSpareEscapes) {
  EXPECT_EQ(PythonRepr("a"), "'a'");
  EXPECT_EQ(PythonRepr("it's"), "\"it's\"");
  EXPECT_EQ(PythonRepr("\""), "'\"'");
  EXPECT_EQ(PythonRepr("'\""), "'\\'\"'");
  EXPECT_EQ(PythonRepr("\\"), "'\\\\'");
}

TEST(PythonReprTest, WhatCannotBePrintedIsEscaped) {
  EXPECT_EQ(PythonRepr(std::string_view("\0\t\n\r\x1f\x7f", 6)),
            "'\\x00\\t\\n\\r\\x1f\\x7f'");
  EXPECT_EQ(PythonRepr("\xc2\xa0\xc2\xad"), "'\\xa0\\xad'");
  EXPECT_EQ(PythonRepr("\xe2\x80\xa8"), "'\\u2028'");
  EXPECT_EQ(PythonRepr("\xf3\xa0\x80\x81"), "'\\U000e0001'");
  EXPECT_EQ(PythonRepr("\xc3\xa9\xf0\x9f\x98\x80"),
            "'\xc3\xa9\xf0\x9f\x98\x80'");
}

TEST(PythonReprTest, BytesThatAreNotUtf8AreEscapedOneByOne) {
  EXPECT_EQ(PythonRepr("\xff"), "'\\udcff'");
  EXPECT_EQ(PythonRepr("\xc3"), "'\\udcc3'");
  EXPECT_EQ(PythonRepr("\xc0\x80"), "'\\udcc0\\udc80'");
  EXPECT_EQ(PythonRepr("\xe0\x81\x81"), "'\\udce0\\udc81\\udc81'");
  EXPECT_EQ(PythonRepr("\xed\xa0\x80"), "'\\udced\\udca0\\udc80'");
}

TEST(PythonLengthTest, CountsCharactersAndNotBytes) {
  EXPECT_EQ(PythonLength(""), 0u);
  EXPECT_EQ(PythonLength("\xc3\xa9\xf0\x9f\x98\x80x"), 3u);
  EXPECT_EQ(PythonLength("\xff\xfe"), 2u);
}

TEST(PythonPrefixTest, NeverCutsThroughACharacter) {
  EXPECT_EQ(PythonPrefix("\xc3\xa9\xf0\x9f\x98\x80x", 2),
            "\xc3\xa9\xf0\x9f\x98\x80");
  EXPECT_EQ(PythonPrefix("ab", 5), "ab");
  EXPECT_EQ(PythonPrefix("ab", 0), "");
}

}  // namespace
}  // namespace joblib::internal
