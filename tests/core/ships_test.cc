#include "joblib/core/ships.h"

#include <array>
#include <atomic>
#include <chrono>
#include <complex>
#include <deque>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <queue>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

#include "gtest/gtest.h"
#include "joblib/core/errors.h"

struct Pixel {
  unsigned char red, green, blue;
};
template <>
inline constexpr bool joblib::ship_by_bytes<Pixel> = true;

struct Outside {
  int value = 0;
};
template <class Archive>
void save(Archive& archive, const Outside& outside) {
  archive(outside.value);
}
template <class Archive>
void load(Archive& archive, Outside& outside) {
  archive(outside.value);
}

namespace joblib::internal {
namespace {

struct Point {
  double x = 0, y = 0;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(x, y);
  }
};
struct Split {
  int value = 0;
  template <class Archive>
  void save(Archive& archive) const {
    archive(value);
  }
  template <class Archive>
  void load(Archive& archive) {
    archive(value);
  }
};
class Private {
 private:
  friend class cereal::access;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(value_);
  }
  int value_ = 0;
};
struct Plain {
  int value;
};
struct NoDefault {
  explicit NoDefault(int n) : value(n) {}
  int value;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(value);
  }
};
struct MorePoint : Point {
  double z = 0;
};
struct SamePoint : Point {};
// A member that only happens to have the name.
struct Document {
  std::string text;
  template <class Stream>
  void save(Stream& stream) {
    stream.write_all(text);
  }
};
struct Json : std::map<std::string, Json> {};
struct Bad : std::vector<Bad*> {};
struct NamedVector : std::vector<int> {
  std::string name;
};
class Interface {
 public:
  virtual ~Interface() = default;
  virtual void Do() = 0;
};
enum class Color { kRed };

// As a hash map of another library: cereal has one function for all of them.
template <class K, class V>
struct FlatMap {
  using key_type = K;
  using mapped_type = V;
  using value_type = std::pair<K, V>;
  const value_type* begin() const { return nullptr; }
  const value_type* end() const { return nullptr; }
  const value_type* find(const K&) const { return nullptr; }
  int size = 0;
};

TEST(ShipsTest, WhatTravelsByItself) {
  EXPECT_TRUE((kShips<int> && kShips<bool> && kShips<long double>));
  EXPECT_TRUE((kShips<Color> && kShips<std::byte> && kShips<std::nullptr_t>));
  EXPECT_TRUE((kShips<int (*)(int)> && kShips<void (*)() noexcept>));
  EXPECT_TRUE((kShips<void (Point::*)()> && kShips<double Point::*>));
  EXPECT_TRUE(kShips<std::negate<int>>);
  const auto captureless = [](int x) { return x; };
  EXPECT_TRUE(kShips<decltype(captureless)>);
  EXPECT_TRUE(kShips<Pixel>);
  EXPECT_TRUE(kShips<std::vector<Pixel>>);
}

TEST(ShipsTest, ClassesWithASerializer) {
  EXPECT_TRUE(kShips<Point>);
  EXPECT_TRUE(kShips<Split>);
  EXPECT_TRUE(kShips<Private>);
  EXPECT_TRUE(kShips<Outside>);
  EXPECT_TRUE(kShips<SamePoint>);
}

TEST(ShipsTest, ClassesWithout) {
  EXPECT_FALSE(kShips<Plain>);
  EXPECT_FALSE(kShips<Document>);
  EXPECT_FALSE(kShips<std::mutex>);
  EXPECT_FALSE(kShips<Interface>);
  int n = 0;
  const auto closure = [n](int x) { return x + n; };
  EXPECT_FALSE(kShips<decltype(closure)>);
}

TEST(ShipsTest, PointersAndReferences) {
  EXPECT_FALSE(kShips<int*>);
  EXPECT_FALSE(kShips<const char*>);  // But as an argument: shipped_call.h.
  EXPECT_FALSE(kShips<void*>);
  EXPECT_FALSE(kShips<std::reference_wrapper<int>>);
  EXPECT_FALSE(kShips<std::string_view>);
  EXPECT_FALSE(kShips<std::function<int(int)>>);
}

TEST(ShipsTest, ContainersAreAsTheirElements) {
  EXPECT_TRUE((kShips<std::map<std::string, std::vector<Point>>>));
  EXPECT_TRUE((kShips<std::unordered_map<int, std::list<std::string>>>));
  EXPECT_TRUE((kShips<std::tuple<int, std::optional<Point>, std::string>>));
  EXPECT_TRUE((kShips<std::variant<std::monostate, Point>>));
  EXPECT_TRUE((kShips<std::array<std::deque<int>, 3>>));
  EXPECT_TRUE((kShips<std::priority_queue<int>>));
  EXPECT_TRUE((kShips<std::complex<double>> && kShips<std::atomic<int>>));
  EXPECT_TRUE(kShips<std::chrono::system_clock::time_point>);
  EXPECT_FALSE((kShips<std::vector<Plain>>));
  EXPECT_FALSE((kShips<std::map<std::string, std::vector<Plain>>>));
  EXPECT_FALSE((kShips<std::map<Plain, int>>));
  EXPECT_FALSE((kShips<std::tuple<int, Plain>>));
  EXPECT_FALSE((kShips<std::optional<int*>>));
  EXPECT_FALSE((kShips<std::pair<int, std::variant<int, Plain>>>));
  EXPECT_FALSE((kShips<std::array<Plain, 2>>));
}

TEST(ShipsTest, WhatIsMadeFirstNeedsADefaultConstructor) {
  EXPECT_FALSE(kShips<NoDefault>);
  EXPECT_FALSE(kShips<std::vector<NoDefault>>);
  EXPECT_FALSE(kShips<std::optional<NoDefault>>);
  EXPECT_FALSE((kShips<std::pair<int, NoDefault>>));
}

TEST(ShipsTest, SmartPointersAreAsWhatTheyPointTo) {
  EXPECT_TRUE(kShips<std::unique_ptr<Point>>);
  EXPECT_TRUE(kShips<std::shared_ptr<const std::vector<int>>>);
  EXPECT_FALSE(kShips<std::unique_ptr<Plain>>);
  EXPECT_FALSE(kShips<std::shared_ptr<Plain>>);
  EXPECT_FALSE(kShips<std::shared_ptr<NoDefault>>);
  EXPECT_FALSE(kShips<std::unique_ptr<int[]>>);
  EXPECT_FALSE((kShips<std::unique_ptr<int, void (*)(int*)>>));
  // Its classes are known at run time.
  EXPECT_TRUE(kShips<std::unique_ptr<Interface>>);
}

TEST(ShipsTest, DerivedClassesDontTravelAsTheirBase) {
  EXPECT_FALSE(kShips<MorePoint>);
  EXPECT_FALSE(kShips<NamedVector>);
  EXPECT_TRUE(kShips<Json>);
  EXPECT_FALSE(kShips<Bad>);
}

TEST(ShipsTest, MapsOfOtherLibrariesAreAsTheirElements) {
  EXPECT_FALSE((kShips<FlatMap<int, Plain>>));
}

TEST(ShipsTest, ComparisonsWithAStateStayBehind) {
  EXPECT_TRUE((kShips<std::set<int, std::greater<int>>>));
  EXPECT_FALSE((kShips<std::set<int, bool (*)(int, int)>>));
}

template <class T>
std::string Text(int part) {
  CantShip why;
  why.part = part;
  why.n_arguments = 3;
  why.type = &typeid(T);
  using Found = ElementShipping<T, Types<>>;
  why.culprit = &typeid(typename Found::Culprit);
  why.obstacle = Found::obstacle;
  try {
    ThrowCantShip(why);
  } catch (const PicklingError& error) {
    return error.what();
  }
}

::testing::AssertionResult Says(const std::string& text,
                                const std::string& words) {
  if (text.find(words) != std::string::npos) {
    return ::testing::AssertionSuccess();
  }
  return ::testing::AssertionFailure() << text << "\nsays nothing of " << words;
}

TEST(CantShipTest, NamesThePartTheTypeAndTheWaysOut) {
  const std::string text = Text<Plain>(2);
  EXPECT_TRUE(Says(
      text, "Could not pickle the task to send it to the workers. Argument 2"));
  EXPECT_TRUE(Says(text, "Argument 2 of 3, of type "));
  EXPECT_TRUE(Says(text, "Plain, can't travel"));
  EXPECT_TRUE(Says(text, "no serialize function"));
  EXPECT_TRUE(Says(text, "serialize member"));
  EXPECT_TRUE(Says(text, "wrap_non_picklable_objects"));
  EXPECT_TRUE(Says(text, "backend=\"threading\""));
  EXPECT_TRUE(Says(Text<Plain>(0), "The function, of type "));
  EXPECT_TRUE(Says(Text<Plain>(-1), "The result, of type "));
}

TEST(CantShipTest, NamesTheTypeWithin) {
  const std::string text = Text<std::map<std::string, std::vector<Plain>>>(1);
  EXPECT_TRUE(Says(text, "of type std::map<std::string, std::vector<"));
  EXPECT_TRUE(Says(text, "Plain in it: it has no serialize function"));
}

TEST(CantShipTest, SaysWhatIsInTheWay) {
  EXPECT_TRUE(Says(Text<int*>(1), "a pointer means nothing"));
  EXPECT_TRUE(Says(Text<std::reference_wrapper<int>>(1), "std::ref"));
  EXPECT_TRUE(Says(Text<std::function<void()>>(1), "std::function"));
  EXPECT_TRUE(Says(Text<NoDefault>(1), "no default constructor"));
  EXPECT_TRUE(Says(Text<MorePoint>(1), "its base class"));
  EXPECT_TRUE(Says(Text<Document>(1), "save member is not const"));
  int n = 0;
  const auto closure = [n] { return n; };
  EXPECT_TRUE(Says(Text<std::remove_const_t<decltype(closure)>>(0),
                   "a lambda with captures"));
}

}  // namespace
}  // namespace joblib::internal
