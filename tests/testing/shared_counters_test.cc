#include "tests/testing/shared_counters.h"

#include <chrono>
#include <deque>
#include <filesystem>
#include <string>

#include "gtest/gtest.h"

namespace joblib::testing {
namespace {

// As much of an archive as these handles need.
struct Writer {
  std::deque<std::string> texts;
  void operator()(const std::string& text) { texts.push_back(text); }
  void operator()(const SharedCounters& counters) { counters.save(*this); }
};
struct Reader {
  std::deque<std::string> texts;
  void operator()(std::string& text) {
    text = texts.front();
    texts.pop_front();
  }
  void operator()(SharedCounters& counters) { counters.load(*this); }
};

// Opens the file again, as another process does.
SharedGate Sent(SharedGate gate, std::string* path = nullptr) {
  Writer writer;
  gate.serialize(writer);
  if (path != nullptr) *path = writer.texts.front();
  Reader reader{writer.texts};
  SharedGate arrived;
  arrived.serialize(reader);
  return arrived;
}

TEST(SharedCountersTest, AHandleThatTravelledFindsTheSameNumbers) {
  const auto counters = SharedCounters::Zeros(3);
  Writer writer;
  counters.save(writer);
  Reader reader{writer.texts};
  SharedCounters other;
  other.load(reader);
  EXPECT_EQ(other.Add(2, 5), 5);
  EXPECT_EQ(counters.Get(2), 5);
  EXPECT_EQ(counters.Raise(2, 3), 5);
  EXPECT_EQ(counters.Raise(2, 7), 7);
  EXPECT_EQ(other.Get(2), 7);
  EXPECT_THROW(other.Add(3, 1), std::out_of_range);
}

TEST(SharedGateTest, OpensForThoseWhoWaitElsewhere) {
  const auto gate = SharedGate::Shut();
  const SharedGate other = Sent(gate);
  EXPECT_FALSE(other.Wait(std::chrono::milliseconds(5)));
  gate.Open();
  EXPECT_TRUE(other.Wait());
}

TEST(SharedGateTest, TheFileGoesWithTheHandle) {
  std::string path;
  {
    const auto gate = SharedGate::Shut();
    Sent(gate, &path);
    EXPECT_TRUE(std::filesystem::exists(path));
  }
  EXPECT_FALSE(std::filesystem::exists(path));
}

}  // namespace
}  // namespace joblib::testing
