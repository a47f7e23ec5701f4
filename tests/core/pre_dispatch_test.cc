#include "joblib/core/pre_dispatch.h"

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

// What joblib answers to single expressions is replayed from
// tests/conformance/tables/functions.json. Each value here was compared with
// joblib's eval_expr as well.
namespace joblib::internal {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

std::int64_t Value(std::string_view expression, int n_jobs = 2) {
  const absl::StatusOr<std::int64_t> value =
      EvaluatePreDispatch(expression, n_jobs);
  EXPECT_TRUE(value.ok()) << expression << ": " << value.status();
  return value.value_or(-999);
}

std::string ErrorOf(std::string_view expression, int n_jobs = 2) {
  const absl::StatusOr<std::int64_t> value =
      EvaluatePreDispatch(expression, n_jobs);
  if (value.ok()) return "no error";
  EXPECT_EQ(value.status().code(), absl::StatusCode::kInvalidArgument);
  return std::string(value.status().message());
}

TEST(EvaluatePreDispatchTest, QuotientsRoundDownAsInPython) {
  EXPECT_EQ(Value("-7 // 2"), -4);
  EXPECT_EQ(Value("7 % -3"), -2);
  EXPECT_EQ(Value("-7.5 // 2"), -4);
  EXPECT_EQ(Value("10*(-7.5 % 2)"), 5);
  EXPECT_EQ(Value("10*(7.5 % -2)"), -5);
  EXPECT_EQ(Value("1e6 % 5e-324"), 0);
}

TEST(EvaluatePreDispatchTest, TheValueIsRoundedTowardZero) {
  EXPECT_EQ(Value("1.9"), 1);
  EXPECT_EQ(Value("-1.9"), -1);
  EXPECT_EQ(Value("n_jobs/3"), 0);
}

TEST(EvaluatePreDispatchTest, EqualOperatorsApplyFromLeftToRight) {
  EXPECT_EQ(Value("10-3-2"), 5);
  EXPECT_EQ(Value("100/10*2"), 20);
  EXPECT_EQ(Value("2+3*4-5"), 9);
}

TEST(EvaluatePreDispatchTest, PowersBindTighterThanTheSignBeforeThem) {
  EXPECT_EQ(Value("-2**2"), -4);
  EXPECT_EQ(Value("(-2)**2"), 4);
  EXPECT_EQ(Value("2**-1*8"), 4);
  EXPECT_EQ(Value("2**--2"), 4);
  EXPECT_EQ(Value("2**3**2"), 512);
  EXPECT_EQ(Value("0**0"), 1);
}

TEST(EvaluatePreDispatchTest, LiteralsArePythons) {
  EXPECT_EQ(Value("0x_1F"), 31);
  EXPECT_EQ(Value("0b101+0o17"), 20);
  EXPECT_EQ(Value("1_0.5_0e0_1"), 105);
  EXPECT_EQ(Value("00+.5e1+2."), 7);
  EXPECT_EQ(Value("True+True-False"), 2);
  for (std::string_view wrong :
       {"07", "1__0", "1_", "0x", "0xg", "0b2", "1e", "1e_3", "1._5", ".",
        "1.5.5", "0x1p3", "1j", "1f", "3_"}) {
    EXPECT_THAT(ErrorOf(wrong), HasSubstr("is not a valid or supported"))
        << wrong;
  }
}

TEST(EvaluatePreDispatchTest, LinesAndBlanksArePythons) {
  EXPECT_EQ(Value("\n3 # comment\n\n"), 3);
  EXPECT_EQ(Value("(3\n+4)"), 7);
  EXPECT_EQ(Value("3+\\\n4"), 7);
  EXPECT_EQ(Value("\f3\t"), 3);
  for (std::string_view wrong : {" 3", "\t3", "3\n ", "3+\n4", "3\n4", "3\\",
                                 "3\\\n", "\v3", "3\xc2\xa0"}) {
    EXPECT_THAT(ErrorOf(wrong), HasSubstr("is not a valid or supported"))
        << wrong;
  }
}

TEST(EvaluatePreDispatchTest, NothingButArithmeticIsUnderstood) {
  for (std::string_view wrong : {"2*",
                                 "__import__('os')",
                                 "n_jobs.real",
                                 "[1]",
                                 "1 if 1 else 2",
                                 "x",
                                 "lambda: 1",
                                 "1;2",
                                 "+3",
                                 "~3",
                                 "1<<2",
                                 "2@2",
                                 "1,2",
                                 "()",
                                 "(1",
                                 "1)",
                                 "1 2",
                                 "2* *3",
                                 "f(2)",
                                 "2==2",
                                 "3 and 4"}) {
    EXPECT_THAT(ErrorOf(wrong), HasSubstr("is not a valid or supported"))
        << wrong;
  }
  EXPECT_THAT(ErrorOf(std::string_view("3\0", 2)), StartsWith("'3\\x00' is"));
}

TEST(EvaluatePreDispatchTest, WhatPythonCannotComputeIsRefused) {
  for (std::string_view wrong : {"1/0", "1//0", "1%0", "1/0.0", "0**-1",
                                 "0.0**-1", "1e6**1e6", "(-8)**0.5"}) {
    EXPECT_THAT(ErrorOf(wrong), HasSubstr("is not a valid or supported"))
        << wrong;
  }
}

TEST(EvaluatePreDispatchTest, EveryValueOnTheWayIsLimited) {
  EXPECT_EQ(Value("999999+1"), 1000000);
  EXPECT_THAT(
      ErrorOf("1e30*n_jobs"),
      StartsWith("Numeric literal 1e+30 is too large, max is 1000000."));
  EXPECT_THAT(ErrorOf("(10**6+1)*0"), StartsWith("Numeric literal 1000001 is"));
  EXPECT_THAT(ErrorOf("1e6+0.5"), StartsWith("Numeric literal 1000000.5 is"));
  EXPECT_THAT(ErrorOf("-1000*1001"), StartsWith("Numeric literal -1001000 is"));
  EXPECT_THAT(ErrorOf("1e400"), StartsWith("Numeric literal inf is"));
  EXPECT_THAT(ErrorOf("1/1e-320"), StartsWith("Numeric literal inf is"));
}

TEST(EvaluatePreDispatchTest, HugeIntegersAreExact) {
  EXPECT_THAT(ErrorOf("(-9)**21"),
              StartsWith("Numeric literal -109418989131512359209 is"));
  EXPECT_THAT(
      ErrorOf("0xffffffffffffffffffffffffffff"),
      StartsWith("Numeric literal 5192296858534827628530496329220095 is"));
  EXPECT_THAT(ErrorOf("10**4299"),
              StartsWith("Numeric literal 1" + std::string(4299, '0') + " is"));
  // Python does not print it either.
  EXPECT_THAT(ErrorOf("10**4300"),
              StartsWith("Numeric literal 10**4300 is too large"));
  EXPECT_THAT(ErrorOf("999999**999999"),
              StartsWith("Numeric literal 999999**999999 is too large"));
  EXPECT_EQ(Value("(-1)**999999"), -1);
}

TEST(EvaluatePreDispatchTest, TheFirstErrorInPythonsOrderIsReported) {
  // The grammar; the operator; the left operand; the right one; the value.
  EXPECT_THAT(ErrorOf("1000001+"), StartsWith("'1000001+' is not"));
  EXPECT_THAT(ErrorOf("1000001<<2"), StartsWith("'1000001<<2' is not"));
  EXPECT_THAT(ErrorOf("1000001+x"), StartsWith("Numeric literal 1000001 "));
  EXPECT_THAT(ErrorOf("x+1000001"), StartsWith("'x+1000001' is not"));
  EXPECT_THAT(ErrorOf("1000002-1000001"),
              StartsWith("Numeric literal 1000002 "));
}

TEST(EvaluatePreDispatchTest, TheTextIsLimitedOnceNJobsIsReplaced) {
  EXPECT_EQ(Value("n_jobs+n_jobs+n_jobs+n_jobs+n_jobs"), 10);
  EXPECT_THAT(ErrorOf("n_jobs+n_jobs+n_jobs+n_jobs", 12345678),
              StartsWith("Expression '12345678+12345678+12345678+123'... is "
                         "too long. Max length is 30, got 35."));
  // Characters, not bytes.
  std::string comment = "3 #";
  for (int i = 0; i < 27; ++i) comment += "\xc3\xa9";
  EXPECT_EQ(Value(comment), 3);
  EXPECT_THAT(ErrorOf(comment + "\xc3\xa9"), HasSubstr("got 31."));
}

TEST(EvaluatePreDispatchTest, LongAndDeepTextsAreRefusedAtOnce) {
  EXPECT_EQ(Value("((((((((((((((3))))))))))))))"), 3);
  const std::string deep =
      std::string(500'000, '(') + "1" + std::string(500'000, ')');
  EXPECT_THAT(ErrorOf(deep), HasSubstr("Max length is 30, got 1000001."));
  EXPECT_THAT(ErrorOf(std::string(30, '(')), HasSubstr("is not a valid"));
  EXPECT_THAT(ErrorOf(std::string(30, '-')), HasSubstr("is not a valid"));
}

TEST(EvaluatePreDispatchTest, ErrorsSayWhatToDo) {
  EXPECT_THAT(ErrorOf("2*"), HasSubstr("such as \"2 * n_jobs\""));
  EXPECT_THAT(ErrorOf("1e7"), HasSubstr("a smaller pre_dispatch, or \"all\""));
  EXPECT_THAT(ErrorOf(std::string(99, '1')), HasSubstr("shorter"));
}

}  // namespace
}  // namespace joblib::internal
