#include "joblib/core/archive.h"

#include <array>
#include <bitset>
#include <chrono>
#include <complex>
#include <cstdint>
#include <deque>
#include <forward_list>
#include <limits>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <queue>
#include <set>
#include <stack>
#include <stdexcept>
#include <string>
#include <tuple>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <valarray>
#include <variant>
#include <vector>

#include "gtest/gtest.h"
#include "joblib/core/errors.h"
#include "tests/testing/encoded.h"
#include "tests/testing/identity_code.h"

struct Pixel {
  std::uint8_t red = 0, green = 0, blue = 0;
  friend bool operator==(const Pixel&, const Pixel&) = default;
};
template <>
inline constexpr bool joblib::ship_by_bytes<Pixel> = true;

class Shape {
 public:
  virtual ~Shape() = default;
  virtual double Area() const = 0;
};
class Square final : public Shape {
 public:
  Square() = default;
  explicit Square(double side) : side_(side) {}
  double Area() const override { return side_ * side_; }
  template <class Archive>
  void serialize(Archive& archive) {
    archive(side_);
  }

 private:
  double side_ = 0;
};
CEREAL_REGISTER_TYPE(Square)
CEREAL_REGISTER_POLYMORPHIC_RELATION(Shape, Square)

namespace joblib::internal {
namespace {

using joblib::testing::Decoded;
using joblib::testing::Encoded;
using joblib::testing::ThereAndBack;

template <class T>
void ExpectSame(const T& value) {
  EXPECT_EQ(ThereAndBack(value), value);
}

struct Point {
  double x = 0, y = 0;
  friend bool operator==(const Point&, const Point&) = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(x, y);
  }
};
// Nothing of it is written, though it has something.
struct Cache {
  int value = 0;
  friend bool operator==(const Cache&, const Cache&) { return true; }
  template <class Archive>
  void serialize(Archive&) {}
};
struct Nothing {
  friend bool operator==(const Nothing&, const Nothing&) = default;
};
enum class Color : std::int16_t { kRed = -5, kBlue = 1000 };
enum Flag : bool { kOff, kOn };

struct Chain {
  int value = 0;
  std::unique_ptr<Chain> next;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(value, next);
  }
};
struct Tree {
  std::vector<Tree> children;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(children);
  }
};

// Without a default constructor.
class Named : public std::enable_shared_from_this<Named> {
 public:
  explicit Named(std::string name) : name_(std::move(name)) {}
  const std::string& name() const { return name_; }
  template <class Archive>
  void serialize(Archive& archive) {
    archive(name_);
  }
  template <class Archive>
  static void load_and_construct(Archive& archive,
                                 cereal::construct<Named>& construct) {
    std::string name;
    archive(name);
    construct(name);
  }

 private:
  std::string name_;
};

struct Versioned {
  int value = 0;
  template <class Archive>
  void serialize(Archive& archive, std::uint32_t version) {
    archive(value);
    EXPECT_EQ(version, 0u);
  }
};

TEST(ArchiveTest, NumbersAndEnumerations) {
  ExpectSame(true);
  ExpectSame('x');
  ExpectSame(std::numeric_limits<std::int64_t>::min());
  ExpectSame(std::numeric_limits<long double>::max());
  ExpectSame(Color::kRed);
  ExpectSame(kOn);
  ExpectSame(std::byte{7});
}

TEST(ArchiveTest, Texts) {
  ExpectSame(std::string());
  ExpectSame(std::string("with\0zero", 9));
  ExpectSame(std::u32string(U"\u20ac"));
  ExpectSame(std::vector<std::string>{"", "a", std::string(100000, 'b')});
}

TEST(ArchiveTest, Sequences) {
  ExpectSame(std::vector<double>{1, 2.5, -3});
  ExpectSame(std::vector<bool>{true, false, true});
  ExpectSame(std::vector<Point>{{1, 2}, {3, 4}});
  ExpectSame(std::vector<std::vector<int>>{{}, {1}, {2, 3}});
  ExpectSame(std::vector<Pixel>{{1, 2, 3}, {4, 5, 6}});
  ExpectSame(std::vector<Color>{Color::kBlue});
  ExpectSame(std::deque<int>{1, 2, 3});
  ExpectSame(std::deque<bool>{true, false});
  ExpectSame(std::list<std::string>{"a", "b"});
  ExpectSame(std::forward_list<int>{3, 1, 2});
  ExpectSame(std::array<std::string, 2>{"a", "b"});
  ExpectSame(std::array<int, 0>{});
  const auto values = ThereAndBack(std::valarray<double>{1, 2, 3});
  ASSERT_EQ(values.size(), 3u);
  EXPECT_EQ(values[2], 3);
}

TEST(ArchiveTest, ANewValueReplacesWhatWasThere) {
  const std::string bytes = Encoded(std::vector<int>{1, 2});
  ByteReader in(bytes.data(), bytes.size());
  std::vector<int> value(100, 9);
  InArchive archive(in);
  archive(value);
  EXPECT_EQ(value, (std::vector<int>{1, 2}));
}

TEST(ArchiveTest, NumbersOfAVectorAreReadFromAnyAddress) {
  const std::vector<double> value = {1, 2, 3};
  for (int shift = 0; shift < 8; ++shift) {
    const std::string bytes = std::string(shift, 'x') + Encoded(value);
    EXPECT_EQ(
        Decoded<std::vector<double>>(std::string_view(bytes).substr(shift)),
        value);
  }
}

TEST(ArchiveTest, SetsAndMaps) {
  ExpectSame(std::set<int>{3, 1, 2});
  ExpectSame(std::multiset<std::string>{"a", "a", "b"});
  ExpectSame(std::unordered_set<int>{1, 2, 3});
  ExpectSame(std::unordered_multiset<int>{1, 1});
  ExpectSame(std::map<std::string, Point>{{"a", {1, 2}}, {"b", {3, 4}}});
  ExpectSame(std::multimap<int, int>{{1, 2}, {1, 3}});
  ExpectSame(std::unordered_map<int, std::string>{{1, "a"}});
  ExpectSame(std::unordered_multimap<int, int>{{1, 2}, {1, 2}});
}

TEST(ArchiveTest, Adaptors) {
  std::priority_queue<int> queue;
  for (const int i : {2, 9, 4}) queue.push(i);
  EXPECT_EQ(ThereAndBack(queue).top(), 9);
  ExpectSame(std::stack<int>(std::deque<int>{1, 2}));
  ExpectSame(std::queue<int>(std::deque<int>{1, 2}));
}

TEST(ArchiveTest, OneOfSeveral) {
  ExpectSame(std::pair<int, std::string>(1, "a"));
  ExpectSame(std::tuple<int, double, std::string>(1, 2.5, "a"));
  ExpectSame(std::tuple<>());
  ExpectSame(std::optional<std::string>("a"));
  ExpectSame(std::optional<std::string>());
  ExpectSame(std::variant<int, std::string, std::monostate>("a"));
  ExpectSame(std::variant<int, std::string, std::monostate>(std::monostate()));
}

TEST(ArchiveTest, TimesComplexNumbersAndBits) {
  ExpectSame(std::chrono::milliseconds(1500));
  ExpectSame(std::chrono::system_clock::now());
  ExpectSame(std::complex<double>(1, -2));
  ExpectSame(std::bitset<19>(0x5a5a5));
}

// As many elements as there are, though they take no bytes at all.
TEST(ArchiveTest, ContainersOfWhatWritesNothing) {
  ExpectSame(std::vector<Nothing>(1000));
  ExpectSame(std::vector<Cache>(1000));
  ExpectSame(std::list<std::tuple<>>(3));
  ExpectSame(std::map<int, Nothing>{{1, {}}, {2, {}}});
  ExpectSame(std::vector<std::vector<Cache>>{{}, std::vector<Cache>(2)});
}

TEST(ArchiveTest, UniquePointers) {
  EXPECT_EQ(ThereAndBack(std::unique_ptr<int>()), nullptr);
  EXPECT_EQ(*ThereAndBack(std::make_unique<int>(3)), 3);
  const auto named = ThereAndBack(std::make_unique<Named>("x"));
  EXPECT_EQ(named->name(), "x");
}

TEST(ArchiveTest, SharedPointersToOneObjectPointToOne) {
  const auto object = std::make_shared<int>(3);
  const auto other = std::make_shared<int>(3);
  const auto all = ThereAndBack(
      std::vector<std::shared_ptr<int>>{object, other, object, nullptr});
  EXPECT_EQ(all[0], all[2]);
  EXPECT_NE(all[0], all[1]);
  EXPECT_EQ(*all[0], 3);
  EXPECT_EQ(all[3], nullptr);
  const auto pair = ThereAndBack(std::pair(object, std::weak_ptr<int>(object)));
  EXPECT_EQ(pair.second.lock(), pair.first);
}

TEST(ArchiveTest, AnObjectAndItsFirstMemberAreTwoObjects) {
  const auto point = std::make_shared<Point>(Point{1, 2});
  const std::shared_ptr<double> x(point, &point->x);
  const auto both = ThereAndBack(std::pair(point, x));
  EXPECT_EQ(*both.first, *point);
  EXPECT_EQ(*both.second, 1);
}

TEST(ArchiveTest, SharedPointersToWhatHasNoDefaultConstructor) {
  const auto named = std::make_shared<Named>("x");
  const auto both = ThereAndBack(std::pair(named, named));
  EXPECT_EQ(both.first->name(), "x");
  EXPECT_EQ(both.first, both.second);
  EXPECT_EQ(both.first->shared_from_this(), both.second);
}

TEST(ArchiveTest, PointersToBaseClasses) {
  const auto square = std::make_shared<Square>(3);
  const auto shapes = ThereAndBack(
      std::vector<std::shared_ptr<Shape>>{square, nullptr, square});
  EXPECT_EQ(shapes[0]->Area(), 9);
  EXPECT_EQ(shapes[1], nullptr);
  EXPECT_EQ(shapes[0], shapes[2]);
  const std::unique_ptr<Shape> one = std::make_unique<Square>(2);
  EXPECT_EQ(ThereAndBack(one)->Area(), 4);
}

TEST(ArchiveTest, ClassVersionsAreKept) {
  EXPECT_EQ(ThereAndBack(Versioned{5}).value, 5);
}

int Twice(int x) { return 2 * x; }
struct Counter {
  int count = 3;
  int Plus(int n) const { return count + n; }
  virtual int Virtual() { return 1; }
  virtual ~Counter() = default;
};

TEST(ArchiveTest, FunctionsAndMembers) {
  joblib::testing::IdentityCode::Use();
  EXPECT_EQ(ThereAndBack(&Twice)(21), 42);
  int (*const none)(int) = nullptr;
  EXPECT_EQ(ThereAndBack(none), nullptr);
  EXPECT_EQ((Counter().*ThereAndBack(&Counter::Plus))(4), 7);
  EXPECT_EQ(Counter().*ThereAndBack(&Counter::count), 3);
  EXPECT_EQ((ThereAndBack(std::vector{&Twice, &Twice})[1])(4), 8);
  int (Counter::*const no_member)(int) const = nullptr;
  EXPECT_EQ(ThereAndBack(no_member), nullptr);
  EXPECT_THROW(Encoded(&Counter::Virtual), PicklingError);
}

TEST(ArchiveTest, NestingHasALimitBothWays) {
  Chain chain;
  Chain* last = &chain;
  for (int i = 0; i < 900; ++i) {
    last->next = std::make_unique<Chain>();
    last = last->next.get();
  }
  EXPECT_NE(ThereAndBack(chain).next, nullptr);
  for (int i = 0; i < 200; ++i) {
    last->next = std::make_unique<Chain>();
    last = last->next.get();
  }
  EXPECT_THROW(Encoded(chain), std::runtime_error);
  // value, then: there is a next one.
  const std::string link("\0\0\0\0\1", 5);
  std::string endless;
  for (int i = 0; i < 100000; ++i) endless += link;
  EXPECT_THROW(Decoded<Chain>(endless), std::runtime_error);

  const std::string one_child("\1\0\0\0\0\0\0\0", 8);
  std::string deep;
  for (int i = 0; i < 100000; ++i) deep += one_child;
  EXPECT_THROW(Decoded<Tree>(deep), std::runtime_error);
}

// ---- Bytes that no archive wrote.

std::string Number(std::uint64_t n) { return Encoded(n); }

TEST(HostileArchiveTest, AnyByteIsSomeBool) {
  EXPECT_TRUE(Decoded<bool>("\2"));
  EXPECT_EQ(Decoded<Flag>("\x80"), kOn);
  EXPECT_EQ(Decoded<std::vector<bool>>(Number(2) + std::string("\7\0", 2)),
            (std::vector<bool>{true, false}));
}

TEST(HostileArchiveTest, AVariantOfAnUnknownKindIsRefused) {
  using Variant = std::variant<int, double>;
  EXPECT_ANY_THROW(Decoded<Variant>(Encoded(std::int32_t{2})));
  EXPECT_ANY_THROW(Decoded<Variant>(Encoded(std::int32_t{-1})));
}

TEST(HostileArchiveTest, ANumberDoesNotMakeAPointerOfAnotherType) {
  using Both = std::pair<std::shared_ptr<Point>, std::shared_ptr<std::string>>;
  const std::string bytes = Encoded(Both(std::make_shared<Point>(), nullptr));
  std::string other = bytes;
  other[other.size() - 4] = 1;  // The text is the point.
  EXPECT_THROW(Decoded<Both>(other), DecodeError);
  other[other.size() - 4] = 2;  // Nothing has that number.
  EXPECT_THROW(Decoded<Both>(other), DecodeError);
}

TEST(HostileArchiveTest, ABaseClassOfAnotherNameIsRefused) {
  std::string bytes =
      Encoded(std::shared_ptr<Shape>(std::make_shared<Square>(3)));
  const std::size_t name = bytes.find("Square");
  ASSERT_NE(name, std::string::npos);
  bytes[name] = 'T';
  EXPECT_ANY_THROW(Decoded<std::shared_ptr<Shape>>(bytes));
}

TEST(HostileArchiveTest, SizeTagsOfOthersAreBounded) {
  const auto read = [](std::uint64_t n) {
    const std::string bytes = Number(n);
    ByteReader in(bytes.data(), bytes.size());
    InArchive archive(in);
    cereal::size_type size = 0;
    archive(cereal::make_size_tag(size));
    return size;
  };
  EXPECT_EQ(read(100), 100u);
  EXPECT_THROW(read(1 << 20), DecodeError);
}

}  // namespace
}  // namespace joblib::internal
