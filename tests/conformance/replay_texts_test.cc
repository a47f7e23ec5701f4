#include "gtest/gtest.h"
#include "tests/conformance/json.h"
#include "tests/conformance/replay.h"

namespace joblib::conformance {
namespace {

Json Error(std::string_view message) {
  return Json::Object(
      {{"type", Json::Text("ValueError")}, {"message", Json::Text(message)}});
}

TEST(MatchesMessageTest, OursBeginsWithJoblibsAndMayGoOn) {
  EXPECT_TRUE(MatchesMessage(Error("too long"), "too long"));
  EXPECT_TRUE(MatchesMessage(Error("too long"), "too long. Shorten it."));
  EXPECT_FALSE(MatchesMessage(Error("too long"), "too lon"));
  EXPECT_FALSE(MatchesMessage(Error("too long"), "It is too long"));
}

TEST(MatchesMessageTest, PythonsOwnTextsAreNotCompared) {
  EXPECT_TRUE(MatchesMessage(
      Error("Stop argument for islice() must be None or an integer."), "x"));
  EXPECT_TRUE(MatchesMessage(Error("string index out of range"), "x"));
  EXPECT_FALSE(MatchesMessage(Error("islice"), "x"));
}

TEST(MatchesMessageTest, ObjectsOfPythonStandForTheNameOfTheirClass) {
  const Json error = Error(
      "Backend <joblib._parallel_backends.LokyBackend object at <ADDR>> does "
      "not support shared memory");
  EXPECT_TRUE(MatchesMessage(
      error, "Backend LokyBackend does not support shared memory; use"));
  EXPECT_FALSE(MatchesMessage(
      error, "Backend ThreadingBackend does not support shared memory"));
  EXPECT_TRUE(MatchesMessage(
      Error("<generate.classes.<locals>.Plain object at <ADDR>> is <ADDR>"),
      "Plain is 0x7f00"));
}

TEST(MatchesTextTest, PlaceholdersStandForTheirKindOfValue) {
  constexpr std::string_view kLine = "Done   1 tasks | elapsed: <T> finished";
  EXPECT_TRUE(MatchesText(kLine, "Done   1 tasks | elapsed:    0.1s finished"));
  EXPECT_TRUE(MatchesText(kLine, "Done   1 tasks | elapsed: 1.0min finished"));
  EXPECT_FALSE(MatchesText(kLine, "Done   1 tasks | elapsed:   x.1s finished"));
  EXPECT_FALSE(MatchesText(kLine, "Done   1 tasks | elapsed:  finished"));
  EXPECT_TRUE(MatchesText("pid <PID> at <ADDR>", "pid 17 at 0x7f00"));
  EXPECT_FALSE(MatchesText("pid <PID>", "pid ?"));
}

TEST(MatchesTextTest, NothingMayFollowUnlessAllowed) {
  EXPECT_FALSE(MatchesText("a", "ab"));
  EXPECT_TRUE(MatchesText("a", "ab", /*may_go_on=*/true));
  EXPECT_FALSE(MatchesText("ab", "a", /*may_go_on=*/true));
}

}  // namespace
}  // namespace joblib::conformance
