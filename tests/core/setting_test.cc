#include "joblib/core/setting.h"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <type_traits>

#include "gtest/gtest.h"
#include "joblib/core/backend_params.h"

namespace joblib {
namespace {

using internal::BackendChoice;
using internal::Integer;
using internal::IntegerOrText;
using internal::Seconds;
using internal::Text;

TEST(SettingTest, HasThreeStates) {
  const Setting<Integer> unset;
  EXPECT_FALSE(unset.is_set());
  EXPECT_FALSE(unset.is_none());
  EXPECT_FALSE(unset.has_value());

  const Setting<Integer> nothing = none;
  EXPECT_TRUE(nothing.is_set());
  EXPECT_TRUE(nothing.is_none());
  EXPECT_FALSE(nothing.has_value());

  const Setting<Integer> ten = 10;
  EXPECT_TRUE(ten.is_set());
  EXPECT_FALSE(ten.is_none());
  ASSERT_TRUE(ten.has_value());
  EXPECT_EQ(ten.value().value, 10);
}

TEST(SettingTest, EmptyBracesAreUnsetNotNone) {
  // As the fields of an options struct are written.
  struct Options {
    NJobs n_jobs = {};
    BackendParamsSetting backend_params = {};
  };
  const Options options{.n_jobs = {}, .backend_params = {}};
  EXPECT_FALSE(options.n_jobs.is_set());
  EXPECT_FALSE(options.backend_params.is_set());
  static_assert(!std::is_default_constructible_v<None>);
}

TEST(SettingTest, NoneReplacesWhatTheEnclosingScopeSays) {
  const Setting<Integer> unset, outer = 1, inner = 2, nothing = none;
  EXPECT_EQ(inner.Or(outer).value().value, 2);
  EXPECT_EQ(unset.Or(outer).value().value, 1);
  EXPECT_TRUE(nothing.Or(outer).is_none());
  EXPECT_TRUE(unset.Or(nothing).is_none());
  EXPECT_FALSE(unset.Or(unset).is_set());
}

TEST(SettingTest, CopiesAreTheirOwn) {
  Setting<Text> first = "a";
  const Setting<Text> copy = first;
  first = none;
  EXPECT_TRUE(first.is_none());
  EXPECT_EQ(copy.value().value, "a");
  first = copy;
  EXPECT_EQ(first.value().value, "a");
  first = {};
  EXPECT_FALSE(first.is_set());
}

template <class Field, class Value>
constexpr bool kTakes = std::is_convertible_v<Value, Setting<Field>>;

TEST(SettingTest, TextRefusesANullPointer) {
  static_assert(kTakes<Text, const char*> && kTakes<Text, std::string>);
  static_assert(!kTakes<Text, std::nullptr_t>);
  static_assert(!kTakes<BackendChoice, std::nullptr_t>);
  static_assert(!kTakes<IntegerOrText, std::nullptr_t>);
  static_assert(!kTakes<Text, int>);
}

TEST(SettingTest, IntegersAreNeitherFractionsNorTruth) {
  static_assert(kTakes<Integer, int> && kTakes<Integer, std::size_t>);
  static_assert(!kTakes<Integer, double> && !kTakes<Integer, bool>);
  static_assert(!kTakes<IntegerOrText, double>);
  static_assert(!kTakes<IntegerOrText, bool>);
}

TEST(SettingTest, JobCountsMayBeFractions) {
  const NJobs fraction = 2.7, whole = -1;
  EXPECT_EQ(fraction.value().value, 2.7);
  EXPECT_EQ(whole.value().value, -1);
}

TEST(SettingTest, DurationsAndNumbersAreSeconds) {
  using std::chrono::milliseconds;
  using std::chrono::minutes;
  EXPECT_EQ(Setting<Seconds>(2).value().value, 2);
  EXPECT_EQ(Setting<Seconds>(0.25).value().value, 0.25);
  EXPECT_EQ(Setting<Seconds>(milliseconds(250)).value().value, 0.25);
  EXPECT_EQ(Setting<Seconds>(minutes(2)).value().value, 120);
}

TEST(SettingTest, ASizeIsANumberOrAText) {
  const Setting<IntegerOrText> number = std::int64_t{1} << 40, text = "1M";
  EXPECT_FALSE(number.value().is_text);
  EXPECT_EQ(number.value().number, std::int64_t{1} << 40);
  EXPECT_TRUE(text.value().is_text);
  EXPECT_EQ(text.value().text, "1M");
}

TEST(SettingTest, ABackendIsANameOrAnInstance) {
  const Setting<BackendChoice> name = "threading";
  EXPECT_EQ(name.value().name, "threading");
  EXPECT_EQ(name.value().instance, nullptr);
  static_assert(kTakes<BackendChoice, std::shared_ptr<ParallelBackendBase>>);
  static_assert(!kTakes<BackendChoice, std::shared_ptr<int>>);
}

TEST(BackendParamsSettingTest, BracesNameParameters) {
  const BackendParamsSetting params = {{"threads", 2}, {"name", "x"}};
  ASSERT_TRUE(params.has_value());
  ASSERT_EQ(params.value().size(), 2);
  EXPECT_EQ(*params.value().at("threads").as_integer(), 2);
  EXPECT_EQ(*params.value().at("name").as_text(), "x");
  EXPECT_TRUE(BackendParamsSetting(none).is_none());
}

}  // namespace
}  // namespace joblib
