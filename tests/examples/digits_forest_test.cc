#include <chrono>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "gtest/gtest.h"
#include "joblib/backends/platform.h"
#include "joblib/joblib.h"
#include "tests/examples/forest_header_text.h"
#include "tools/examples/digits_forest/dataset.h"
#include "tools/examples/digits_forest/digits.h"
#include "tools/examples/digits_forest/forest.h"
#include "tools/examples/digits_forest/option_flag.h"
#include "tools/examples/digits_forest/timeline.h"

namespace {

const digits::Split& Digits() {
  static const auto* split = new digits::Split(
      digits::HoldOutQuarter(*digits::ParseCsv(digits::EmbeddedCsv())));
  return *split;
}

double Accuracy(const forest::Dataset& data,
                const std::vector<std::uint8_t>& predicted) {
  int n_right = 0;
  for (std::size_t i = 0; i < predicted.size(); ++i) {
    if (predicted[i] == data.labels[i]) ++n_right;
  }
  return 1.0 * n_right / data.n_rows();
}

// Two columns, one of which tells the label.
forest::Dataset FourRows() {
  return {.n_features = 2,
          .n_values = 3,
          .n_classes = 2,
          .features = {0, 0, 0, 1, 0, 2, 0, 2},
          .labels = {0, 0, 1, 1}};
}

// ----------------------------------------------------------------- the forest

struct Configuration {
  const char* backend;
  int n_jobs;
};

std::vector<Configuration> Configurations() {
  std::vector<Configuration> all = {
      {"sequential", 1}, {"threading", 1}, {"threading", 2}, {"threading", 4}};
  if (joblib::internal::OwnPlatform().processes) {
    all.push_back({"loky", 2});
    all.push_back({"multiprocessing", 2});
  }
  return all;
}

class ForestTest : public testing::TestWithParam<Configuration> {};

// The same number on every machine and target, so it must never change but
// with a deliberate change of the trees.
TEST_P(ForestTest, IsTheSameBitForBit) {
  constexpr std::uint64_t kDigest = 0xc3299c5b9d396bc3;
  const joblib::parallel_config scope(
      {.backend = GetParam().backend, .n_jobs = GetParam().n_jobs});
  const forest::Params params = {.n_trees = 40};
  EXPECT_EQ(forest::Digest(forest::Fit(Digits().train, params)), kDigest);

  // multiprocessing has no generators, as in joblib.
  if (GetParam().backend == std::string_view("multiprocessing")) return;
  int n_told = 0;
  const forest::Forest watched =
      forest::Fit(Digits().train, params, [&](int done, int total) {
        EXPECT_EQ(done, ++n_told);
        EXPECT_EQ(total, 40);
      });
  EXPECT_EQ(n_told, 40);
  EXPECT_EQ(forest::Digest(watched), kDigest);
}

TEST_P(ForestTest, ReadsDigitsItHasNotSeen) {
  const joblib::parallel_config scope(
      {.backend = GetParam().backend, .n_jobs = GetParam().n_jobs});
  const forest::Forest grown = forest::Fit(Digits().train, {.n_trees = 100});
  const auto predicted = forest::Predict(grown, Digits().held_out);
  ASSERT_EQ(predicted.size(), Digits().held_out.labels.size());
  EXPECT_GE(Accuracy(Digits().held_out, predicted), 0.95);
}

INSTANTIATE_TEST_SUITE_P(EveryBackend, ForestTest,
                         testing::ValuesIn(Configurations()),
                         [](const testing::TestParamInfo<Configuration>& info) {
                           return absl::StrCat(info.param.backend, "_",
                                               info.param.n_jobs);
                         });

TEST(ForestTest, OneCrashCostsOneTree) {
  if (!joblib::internal::OwnPlatform().processes) return;
  const joblib::parallel_config scope({.n_jobs = 2});
  forest::Params params = {.n_trees = 20, .crash_tree = 17};
  EXPECT_THROW(forest::Fit(Digits().train, params),
               joblib::TerminatedWorkerError);
  params.collect = true;
  const forest::Forest grown = forest::Fit(Digits().train, params);
  EXPECT_EQ(grown.trees.size(), 19u);
  ASSERT_EQ(grown.failures.size(), 1u);
  EXPECT_TRUE(absl::StrContains(grown.failures[0], "Task 17"));
  EXPECT_TRUE(absl::StrContains(grown.failures[0], "SIGSEGV"));
}

TEST(ForestTest, SaysWhoGrewEachTreeAndWhen) {
  const joblib::parallel_config scope({.backend = "threading", .n_jobs = 2});
  const forest::Forest grown = forest::Fit(Digits().train, {.n_trees = 10});
  ASSERT_EQ(grown.growths.size(), 10u);
  for (int i = 0; i < 10; ++i) {
    const forest::Growth& growth = grown.growths[static_cast<std::size_t>(i)];
    EXPECT_EQ(growth.index, i);
    EXPECT_GE(growth.worker, 0);
    EXPECT_LT(growth.worker, 2);
    EXPECT_LE(growth.begin, growth.end);
  }
}

TEST(ForestTest, SeedsAndTreesDiffer) {
  const auto digest = [](const forest::Params& params) {
    return forest::Digest(forest::Fit(Digits().train, params));
  };
  EXPECT_NE(digest({.n_trees = 2}),
            digest({.n_trees = 2, .tree = {.seed = 1}}));
  EXPECT_NE(digest({.n_trees = 2}),
            digest({.n_trees = 2, .tree = {.max_features = 64}}));
  EXPECT_NE(digest({.n_trees = 2}), digest({.n_trees = 3}));
}

TEST(ForestTest, SkipsFeaturesThatDivideNothing) {
  const forest::Forest grown =
      forest::Fit(FourRows(), {.n_trees = 25, .tree = {.max_features = 1}});
  EXPECT_EQ(forest::Predict(grown, FourRows()), FourRows().labels);
}

TEST(ForestTest, EqualRowsOfSeveralClassesAreALeaf) {
  const forest::Dataset data = {.n_features = 1,
                                .n_values = 2,
                                .n_classes = 3,
                                .features = {1, 1, 1},
                                .labels = {2, 0, 2}};
  const forest::Forest grown = forest::Fit(data, {.n_trees = 50});
  for (const forest::Tree& tree : grown.trees) {
    EXPECT_EQ(tree.nodes.size(), 1u);
  }
  EXPECT_EQ(forest::Predict(grown, data), (std::vector<std::uint8_t>{2, 2, 2}));
}

TEST(ForestTest, RefusesWhatMakesNoForest) {
  const auto refused = [](const forest::Dataset& data, int n_trees) {
    try {
      forest::Fit(data, {.n_trees = n_trees});
    } catch (const std::invalid_argument& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  EXPECT_EQ(refused(FourRows(), 1), "");
  EXPECT_EQ(refused(FourRows(), 0),
            "forest: n_trees is 0, not in 1 .. 1000000");
  EXPECT_EQ(refused({.n_features = 1, .n_values = 1, .n_classes = 1}, 1),
            "forest: the number of rows is 0, not in 1 .. 131071");
  forest::Dataset data = FourRows();
  data.features.pop_back();
  EXPECT_EQ(refused(data, 1), "forest: 7 features for 4 labels, instead of 8");
  data = FourRows();
  data.features[3] = 3;
  EXPECT_TRUE(absl::StrContains(refused(data, 1), "not below n_values (3)"));
  data = FourRows();
  data.labels[0] = 2;
  EXPECT_TRUE(absl::StrContains(refused(data, 1), "not below n_classes (2)"));
}

TEST(ForestTest, PredictRefusesDataOfAnotherKind) {
  const forest::Forest grown = forest::Fit(FourRows(), {.n_trees = 1});
  EXPECT_THROW(forest::Predict(grown, Digits().held_out),
               std::invalid_argument);
}

TEST(ForestTest, HeaderSaysNothingOfJoblib) {
  const std::string text = absl::AsciiStrToLower(forest::ForestHeaderText());
  EXPECT_TRUE(absl::StrContains(text, "forest fit("));
  EXPECT_FALSE(absl::StrContains(text, "joblib"));
}

// ----------------------------------------------------------------- the digits

std::string Error(std::string_view csv) {
  const absl::StatusOr<forest::Dataset> parsed = digits::ParseCsv(csv);
  return parsed.ok() ? "" : std::string(parsed.status().message());
}

// `n_pixels` of 16, then the label.
std::string Line(int n_pixels, std::string_view label) {
  std::string line;
  for (int i = 0; i < n_pixels; ++i) absl::StrAppend(&line, "16,");
  return absl::StrCat(line, label);
}

TEST(DigitsTest, AllImagesAreThere) {
  const absl::StatusOr<forest::Dataset> all =
      digits::ParseCsv(digits::EmbeddedCsv());
  ASSERT_TRUE(all.ok()) << all.status();
  EXPECT_EQ(all->n_rows(), 1797);
  EXPECT_EQ(all->features.size(), 1797u * 64);
  EXPECT_EQ(all->labels.front(), 0);
  EXPECT_EQ(all->labels.back(), 8);
}

TEST(DigitsTest, HeldOutDigitsAreOfEveryKind) {
  EXPECT_EQ(Digits().held_out.n_rows(), 449);
  EXPECT_EQ(Digits().train.n_rows(), 1348);
  std::vector<int> counts(10);
  for (const std::uint8_t label : Digits().held_out.labels) ++counts[label];
  for (const int count : counts) EXPECT_GE(count, 30);
}

TEST(DigitsTest, ALastLineNeedsNoEnd) {
  EXPECT_EQ(Error(Line(64, "9\n")), "");
  EXPECT_EQ(Error(Line(64, "9")), "");
}

TEST(DigitsTest, MalformedTextIsRefusedWithItsPlace) {
  EXPECT_EQ(Error(""), "digits: there is no image in the text");
  EXPECT_EQ(Error(Line(63, "9\n")),
            "digits: line 1 has 64 columns instead of 65");
  EXPECT_EQ(Error(Line(64, "9\n") + Line(65, "9\n")),
            "digits: line 2 has 66 columns instead of 65");
  EXPECT_EQ(Error(Line(64, "9\n\n") + Line(64, "9\n")),
            "digits: line 2 has 1 columns instead of 65");
  EXPECT_EQ(Error(Line(64, "10\n")),
            "digits: line 1, column 65: '10' is not in 0 .. 9");
  for (const char* bad : {"17", "-1", "", "x", "1.5", "99999999999"}) {
    EXPECT_EQ(Error(absl::StrCat(bad, ",", Line(63, "9\n"))),
              absl::StrCat("digits: line 1, column 1: '", bad,
                           "' is not in 0 .. 16"));
  }
  EXPECT_EQ(Error(std::string(1000, 'x')).size(),
            std::string("digits: line 1 has 1 columns instead of 65").size());
}

// ----------------------------------------------------- the picture, the flags

int Count(const std::string& text, const std::string& word) {
  std::string copy = text;
  return absl::StrReplaceAll({{word, ""}}, &copy);
}

TEST(TimelineTest, ShowsEachTreeInItsWorkersLane) {
  const std::chrono::steady_clock::time_point start;
  const auto ms = [&](int n) { return start + std::chrono::milliseconds(n); };
  const std::string svg =
      digits::TimelineSvg({{0, 0, ms(0), ms(10)}, {1, 1, ms(5), ms(30)}});
  EXPECT_EQ(Count(svg, "class=\"bar\""), 2);
  EXPECT_EQ(Count(svg, "class=\"lane\""), 2);
  EXPECT_TRUE(absl::StrContains(svg, "2 trees on 2 workers"));
  EXPECT_TRUE(absl::StrContains(svg, "tree 1: 5.00 ms to 30.00 ms (25.00 ms)"));
  EXPECT_TRUE(absl::StrContains(svg, ">worker 1<"));
}

TEST(TimelineTest, AClockTooCoarseIsNoError) {
  const std::string svg = digits::TimelineSvg({{0, 0, {}, {}}});
  EXPECT_TRUE(absl::StrContains(svg, "1 tree on 1 worker"));
  EXPECT_FALSE(absl::StrContains(svg, "nan"));
  EXPECT_FALSE(absl::StrContains(svg, "inf"));
}

TEST(OptionFlagTest, IsNotGivenNoneOrAValue) {
  struct Options {
    joblib::NJobs n_jobs = {};
  };
  const auto parse = [](const char* text) {
    OptionFlag<double> flag(7);
    std::string error;
    EXPECT_TRUE(absl::ParseFlag(text, &flag, &error)) << error;
    EXPECT_EQ(absl::UnparseFlag(flag), text);
    Options options;
    flag.CopyTo(options.n_jobs);
    return options.n_jobs;
  };
  EXPECT_FALSE(parse("").is_set());
  EXPECT_TRUE(parse("none").is_none());
  EXPECT_TRUE(parse("-1").is_set());
  EXPECT_FALSE(parse("2.5").is_none());

  OptionFlag<int> verbose;
  std::string error;
  EXPECT_FALSE(absl::ParseFlag("loud", &verbose, &error));
}

}  // namespace
