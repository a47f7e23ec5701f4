#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tools/examples/serialization_and_wrappers/ways.h"

namespace serialization_and_wrappers {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string Said(const std::vector<Way>& ways, const std::string& what) {
  for (const Way& way : ways) {
    if (way.what == what) return way.error.empty() ? "went" : way.error;
  }
  return "no such way";
}

TEST(SerializationAndWrappersTest, WhatGoesAndWhatDoesNot) {
  const std::vector<Way> ways = TryAll(1000);
  EXPECT_THAT(Said(ways, "a lambda with captures, on loky"),
              AllOf(HasSubstr("it is a lambda with captures"),
                    HasSubstr("joblib::wrap_non_picklable_objects")));
  EXPECT_THAT(Said(ways, "an object without a serializer, on loky"),
              AllOf(HasSubstr("Plain"), HasSubstr("serialize member")));
  std::vector<std::string> gone;
  for (const Way& way : ways) {
    if (way.error.empty()) gone.push_back(way.what);
  }
  EXPECT_THAT(gone,
              ElementsAre("a function, on loky", "the same, wrapped, on loky",
                          "the same, forked, on multiprocessing",
                          "the same, shared, on threading",
                          "the same with one, on loky",
                          "a large map in each task, on loky",
                          "the same, once for each worker, on loky"));
}

}  // namespace
}  // namespace serialization_and_wrappers
