#include "tests/conformance/json.h"

#include <cmath>
#include <stdexcept>
#include <string>

#include "absl/status/statusor.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace joblib::conformance {
namespace {

using testing::HasSubstr;

Json Parsed(std::string_view text) { return Json::Parse(text).value(); }

std::string ErrorOf(std::string_view text) {
  const absl::StatusOr<Json> json = Json::Parse(text);
  return json.ok() ? "no error" : std::string(json.status().message());
}

TEST(JsonTest, NumbersKeepHowTheyWereWritten) {
  EXPECT_EQ(Parsed("2").kind(), Json::Kind::kInteger);
  EXPECT_EQ(Parsed("2.0").kind(), Json::Kind::kFloating);
  EXPECT_EQ(Parsed("2e0").kind(), Json::Kind::kFloating);
  EXPECT_FALSE(Parsed("2") == Parsed("2.0"));
  EXPECT_EQ(Parsed("2.0"), Parsed("2e0"));
  EXPECT_EQ(Parsed("-0.040").ToString(), "-0.040");
  EXPECT_EQ(Parsed("1000000000000000000000").ToString(),
            "1000000000000000000000");
  EXPECT_EQ(Parsed("2").number(), 2.0);
}

TEST(JsonTest, ReadsPythonsNumbersThatAreNotFinite) {
  EXPECT_TRUE(std::isnan(Parsed("NaN").number()));
  EXPECT_EQ(Parsed("[Infinity, -Infinity]").items()[1].number(), -INFINITY);
}

TEST(JsonTest, ObjectsKeepTheOrderOfTheirMembers) {
  const Json object = Parsed(R"( {"b": 1, "a": [true, null, "x"]} )");
  EXPECT_EQ(object.members()[0].first, "b");
  EXPECT_EQ(object.ToString(), R"({"b": 1, "a": [true, null, "x"]})");
  EXPECT_EQ(object, Parsed(R"({"a": [true, null, "x"], "b": 1})"));
  EXPECT_EQ(object.Find("c"), nullptr);
  EXPECT_TRUE(object["a"].items()[1].is_null());
}

TEST(JsonTest, TextsAreUtf8) {
  EXPECT_EQ(Parsed(R"("\u00e9\ud83d\ude00\n\/é")").text(),
            "\xc3\xa9\xf0\x9f\x98\x80\n/\xc3\xa9");
  EXPECT_EQ(Parsed(R"("a\"\\b\u0001")").ToString(), R"("a\"\\b\u0001")");
}

TEST(JsonTest, ErrorsNameTheirPosition) {
  EXPECT_EQ(ErrorOf("[1,\n 2,]"), "line 2, column 4: expected a value");
  EXPECT_EQ(ErrorOf(""), "line 1, column 1: expected a value");
  EXPECT_THAT(ErrorOf("{\"a\": 1, \"a\": 2}"), HasSubstr("second time"));
}

TEST(JsonTest, RefusesWhatIsNotJson) {
  for (std::string_view text :
       {"01",          "1.",        ".5",      "+1",        "1e",
        "-",           "tru",       "nulll",   "[1 2]",     "{\"a\" 1}",
        "{a: 1}",      "\"a",       "\"\\x\"", "\"\n\"",    "\"\\ud800\"",
        "\"\\udc00\"", "\"\\u12\"", "[",       "{",         "]",
        "1 2",         "'a'",       "[1,]",    "{\"a\":1,}"}) {
    EXPECT_THAT(ErrorOf(text), HasSubstr("column")) << text;
  }
}

TEST(JsonTest, RefusesDeepNestingWithoutRecursingIntoIt) {
  EXPECT_THAT(ErrorOf(std::string(1'000'000, '[')), HasSubstr("levels"));
}

TEST(JsonTest, AskingForWhatAValueIsNotThrowsWithTheValue) {
  EXPECT_THROW(Parsed("[1]").text(), std::logic_error);
  EXPECT_THROW(Parsed("1.0").integer(), std::logic_error);
  EXPECT_THROW(Parsed("100000000000000000000").integer(), std::logic_error);
  EXPECT_THROW(Parsed("{}")["a"], std::logic_error);
  EXPECT_THROW(Parsed("null").Find("a"), std::logic_error);
}

}  // namespace
}  // namespace joblib::conformance
