#include "joblib/parallel/shipped_call.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <numeric>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "joblib/shared.h"
#include "joblib/shippable.h"
#include "tests/testing/identity_code.h"

struct Pixel {
  explicit Pixel(int red) : red(red) {}
  int red;
};
template <>
inline constexpr bool joblib::ship_by_bytes<Pixel> = true;

namespace joblib::internal {
namespace {

template <class Call>
HeapBytes& Encode(const Call& call, HeapBytes* bytes) {
  joblib::testing::IdentityCode::Use();
  EncodeCall(call, bytes->writer());
  return *bytes;
}

// Through bytes both ways, as if the call had been run by another process.
template <class Call>
auto RunThere(const Call& call) {
  static_assert(Shippable<Call>);
  HeapBytes request, reply;
  Encode(call, &request);
  ByteReader in(request.data(), request.size());
  RunShipped<Call>(in, reply.writer());
  EXPECT_EQ(in.left(), 0u);
  ByteReader result(reply.data(), reply.size());
  if constexpr (!std::is_void_v<typename Call::result_type>) {
    auto value = DecodeResult<typename Call::result_type>(result);
    EXPECT_EQ(result.left(), 0u);
    return value;
  }
}

template <class Call>
std::string WhyNot(const Call&) {
  static_assert(!Shippable<Call>);
  try {
    CallCodec<Call>::ThrowCantShip();
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

int Negate(int x) { return -x; }
struct Point {
  double x = 0, y = 0;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(x, y);
  }
};
struct Scale {
  double factor = 1;
  double operator()(const Point& p) const { return factor * p.x; }
  template <class Archive>
  void serialize(Archive& archive) {
    archive(factor);
  }
};
struct Plain {
  int value = 0;
};
struct Account {
  int balance = 0;
  int Plus(int n) const { return balance + n; }
  template <class Archive>
  void serialize(Archive& archive) {
    archive(balance);
  }
};

TEST(ShippedCallTest, Functions) {
  EXPECT_EQ(RunThere(delayed(Negate)(3)), -3);
  EXPECT_EQ(RunThere(delayed(std::negate<int>())(3)), -3);
  EXPECT_EQ(RunThere(delayed([](int x, int y) { return x * y; })(3, 4)), 12);
  EXPECT_EQ(RunThere(delayed(Scale{2})(Point{3, 4})), 6);
  EXPECT_EQ(RunThere(delayed(&Account::Plus)(Account{3}, 4)), 7);
  EXPECT_EQ(RunThere(delayed(&Account::balance)(Account{3})), 3);
  RunThere(delayed([] {})());
}

TEST(ShippedCallTest, AnEmptyFunctorAndANumberAreItsBytesAlone) {
  HeapBytes bytes;
  EXPECT_EQ(Encode(delayed(std::negate<int>())(3), &bytes).size(), sizeof(int));
}

TEST(ShippedCallTest, FunctionsAsArguments) {
  const auto apply = [](auto f, int x) { return f(x); };
  EXPECT_EQ(RunThere(delayed(apply)(&Negate, 3)), -3);
  EXPECT_EQ(RunThere(delayed(apply)(std::negate<int>(), 3)), -3);
  int n = 10;
  EXPECT_EQ(RunThere(delayed(apply)(
                wrap_non_picklable_objects([n](int x) { return x + n; }), 3)),
            13);
}

TEST(ShippedCallTest, WrappedClosuresTravelByTheirBytes) {
  double factor = 3;
  const auto closure =
      wrap_non_picklable_objects([factor](double x) { return factor * x; });
  EXPECT_EQ(RunThere(delayed(closure)(2.0)), 6);
  // What can travel by itself does so.
  EXPECT_EQ(RunThere(delayed(wrap_non_picklable_objects(&Negate))(2)), -2);
  EXPECT_EQ(
      RunThere(delayed(wrap_non_picklable_objects(Scale{2}))(Point{3, 4})), 6);
  EXPECT_EQ(RunThere(delayed(wrap_non_picklable_objects([] { return 5; }))()),
            5);
  std::string text = "captured";
  const auto with_text =
      wrap_non_picklable_objects([text] { return text.size(); });
  EXPECT_TRUE(Says(WhyNot(delayed(with_text)()), "The function, of type "));
}

TEST(ShippedCallTest, ArgumentsArriveAsRvalues) {
  const auto take = [](std::unique_ptr<int> p) { return *p; };
  auto call = delayed(take)(std::make_unique<int>(5));
  EXPECT_EQ(RunThere(call), 5);
  EXPECT_EQ(RunThere(call), 5);  // It stays what it was.
  const auto moved = [](std::vector<int>&& v) { return std::move(v); };
  EXPECT_EQ(RunThere(delayed(moved)(std::vector<int>{1, 2})),
            (std::vector<int>{1, 2}));
}

TEST(ShippedCallTest, TextsAreThereWhileTheTaskRuns) {
  const auto length = [](const char* a, const char* b) {
    return std::string(a) + b;
  };
  EXPECT_EQ(RunThere(delayed(length)("some ", "text")), "some text");
  char buffer[] = "abc";
  const auto upper = [](char* text) {
    text[0] = 'A';
    return std::string(text);
  };
  EXPECT_EQ(RunThere(delayed(upper)(buffer)), "Abc");
  EXPECT_STREQ(buffer, "abc");
  const char* none = nullptr;
  EXPECT_TRUE(RunThere(
      delayed([](const char* text) { return text == nullptr; })(none)));
}

TEST(ShippedCallTest, TypesThatAskForItTravelByTheirBytes) {
  const auto next = [](Pixel p) { return Pixel(p.red + 1); };
  EXPECT_EQ(RunThere(delayed(next)(Pixel(3))).red, 4);
}

TEST(ShippedCallTest, LargeArgumentsNeedNoStack) {
  auto large = std::make_unique<std::array<double, 100000>>();
  large->fill(1);
  const auto sum = [](const std::array<double, 100000>& values) {
    return std::accumulate(values.begin(), values.end(), 0.0);
  };
  EXPECT_EQ(RunThere(delayed(sum)(*large)), 100000);
}

TEST(ShippedCallTest, OneSharedPointerInTwoArgumentsIsOneObject) {
  const auto object = std::make_shared<int>(3);
  const auto same = [](std::shared_ptr<int> a, std::shared_ptr<int> b) {
    return a == b;
  };
  EXPECT_TRUE(RunThere(delayed(same)(object, object)));
}

TEST(ShippedCallTest, ResultsAreValues) {
  static const std::string text = "static";
  EXPECT_EQ(RunThere(delayed([]() -> const std::string& { return text; })()),
            "static");
  EXPECT_EQ(*RunThere(delayed([] { return std::make_unique<int>(4); })()), 4);
}

TEST(ShippedCallTest, WhatTheTaskThrowsIsThrown) {
  const auto call = delayed([] { throw std::out_of_range("task"); })();
  EXPECT_THROW(RunThere(call), std::out_of_range);
}

// ---- What can't travel.

TEST(ShippedCallTest, SaysWhichPartAndWhy) {
  const auto f = [](int, const std::vector<Plain>&) {};
  std::string text = WhyNot(delayed(f)(1, std::vector<Plain>()));
  EXPECT_TRUE(Says(text, "Argument 2 of 2, of type std::vector<"));
  EXPECT_TRUE(Says(text, "Plain in it: it has no serialize function"));

  int captured = 0;
  text = WhyNot(delayed([captured](int x) { return x + captured; })(1));
  EXPECT_TRUE(Says(text, "The function, of type "));
  EXPECT_TRUE(Says(text, "a lambda with captures"));

  text = WhyNot(delayed([] { return Plain(); })());
  EXPECT_TRUE(Says(text, "The result, of type "));

  int n = 0;
  text = WhyNot(delayed([](int&) {})(std::ref(n)));
  EXPECT_TRUE(Says(text, "Argument 1 of 1"));
  EXPECT_TRUE(Says(text, "std::ref"));
  EXPECT_TRUE(Says(WhyNot(delayed([](int*) {})(&n)), "a pointer means"));
  EXPECT_TRUE(Says(WhyNot(delayed([] { return "text"; })()), "The result"));
}

struct Stubborn {
  template <class Archive>
  void save(Archive&) const {
    throw std::runtime_error("I stay here");
  }
  template <class Archive>
  void load(Archive&) {
    throw std::runtime_error("I don't arrive");
  }
  int value = 0;
};

TEST(ShippedCallTest, WhatASerializerThrowsIsAPicklingErrorThatSaysWhere) {
  HeapBytes bytes;
  try {
    Encode(delayed([](int, const Stubborn&) {})(1, Stubborn()), &bytes);
    FAIL();
  } catch (const PicklingError& error) {
    EXPECT_TRUE(Says(error.what(), "Argument 2 of 2 could not be serialized"));
    EXPECT_TRUE(Says(error.what(), "I stay here"));
  }
  try {
    RunThere(delayed([] { return Stubborn(); })());
    FAIL();
  } catch (const PicklingError& error) {
    EXPECT_TRUE(Says(error.what(), "The result could not be serialized"));
    EXPECT_TRUE(Says(error.what(), "I stay here"));
  }
}

TEST(ShippedCallTest, CutShortBytesAreRefused) {
  const auto call = delayed([](const std::string& text, std::vector<int>) {
    return text;
  })(std::string("text"), std::vector<int>{1, 2});
  HeapBytes bytes;
  Encode(call, &bytes);
  for (std::size_t n = 0; n < bytes.size(); ++n) {
    HeapBytes reply;
    ByteReader in(bytes.data(), n);
    EXPECT_THROW(
        RunShipped<std::remove_const_t<decltype(call)>>(in, reply.writer()),
        DecodeError);
  }
}

// ---- joblib::Shared.

// A process's values, encoded at the first use.
class OneProcess final : public ByteSink, public SharedValues {
 public:
  std::byte* Grow(std::byte* begin, std::size_t used, std::size_t needed,
                  std::byte** end) override {
    return heap_.Grow(begin, used, needed, end);
  }
  std::uint64_t Share(const std::shared_ptr<SharedSlot>& slot,
                      const std::function<void(ByteWriter&)>& encode) override {
    const std::lock_guard<std::mutex> lock(slot->mu);
    if (slot->number == 0) {
      Nested nested(this);
      ByteWriter out(&nested, nullptr, nullptr);
      encode(out);
      values_.push_back({{out.begin(), out.begin() + out.size()}, nullptr});
      slot->number = values_.size();
    }
    return slot->number;
  }
  std::shared_ptr<const void> Find(
      std::uint64_t number,
      const std::function<std::shared_ptr<const void>(ByteReader&)>& decode)
      override {
    Value& value = values_.at(number - 1);
    if (value.decoded == nullptr) {
      const std::vector<std::byte> bytes = value.bytes;
      ByteReader in(bytes.data(), bytes.size(), this);
      value.decoded = decode(in);
    }
    return value.decoded;
  }
  std::shared_ptr<ArrayMemory> FindArray(std::uint64_t number) override {
    throw DecodeError("no array " + std::to_string(number));
  }
  std::size_t n_values() const { return values_.size(); }

 private:
  struct Value {
    std::vector<std::byte> bytes;
    std::shared_ptr<const void> decoded;
  };
  // Where a value is written that may hold others.
  class Nested final : public ByteSink {
   public:
    explicit Nested(OneProcess* process) : process_(*process) {}
    std::byte* Grow(std::byte* begin, std::size_t used, std::size_t needed,
                    std::byte** end) override {
      return heap_.Grow(begin, used, needed, end);
    }
    std::uint64_t Share(
        const std::shared_ptr<SharedSlot>& slot,
        const std::function<void(ByteWriter&)>& encode) override {
      return process_.Share(slot, encode);
    }

   private:
    OneProcess& process_;
    HeapBytes heap_;
  };
  HeapBytes heap_;
  std::vector<Value> values_;
};

using Texts = std::vector<std::string>;

const Texts* AddressOf(const Shared<Texts>& texts) { return &*texts; }

TEST(SharedTest, TravelsOnceToAProcess) {
  OneProcess process;
  ByteWriter out(&process, nullptr, nullptr);
  const Shared<Texts> texts(Texts{"a", std::string(10000, 'b')});
  const Shared<Texts> copy = texts;
  OutArchive archive(out);
  archive(texts, copy, texts);
  EXPECT_EQ(process.n_values(), 1u);
  EXPECT_LT(out.size(), 100u);
  ByteReader bytes(out.begin(), out.size(), &process);
  InArchive in(bytes);
  Shared<Texts> first, second, third;
  in(first, second, third);
  EXPECT_EQ(*first, *texts);
  EXPECT_NE(AddressOf(first), AddressOf(texts));
  EXPECT_EQ(AddressOf(first), AddressOf(second));
  EXPECT_EQ(AddressOf(first), AddressOf(third));
}

TEST(SharedTest, TravelsInPlaceWhereProcessesDontKeepValues) {
  const Shared<Texts> texts(Texts{"a", "b"});
  const auto same = [](const Shared<Texts>& a, const Shared<Texts>& b) {
    return &*a == &*b ? a->size() : 0;
  };
  EXPECT_EQ(RunThere(delayed(same)(texts, texts)), 2u);
  EXPECT_EQ(RunThere(delayed([](Shared<Texts> t) { return t; })(texts))->at(1),
            "b");
}

TEST(SharedTest, MayHoldAnother) {
  OneProcess process;
  ByteWriter out(&process, nullptr, nullptr);
  const Shared<Texts> inner(Texts{"a"});
  const Shared<std::pair<int, Shared<Texts>>> outer(std::pair(1, inner));
  OutArchive archive(out);
  archive(outer, inner);
  ByteReader bytes(out.begin(), out.size(), &process);
  InArchive in(bytes);
  Shared<std::pair<int, Shared<Texts>>> back;
  Shared<Texts> back_inner;
  in(back, back_inner);
  EXPECT_EQ(AddressOf(back->second), AddressOf(back_inner));
}

TEST(SharedTest, ANumberOfAnotherTypeOrWithoutValuesIsRefused) {
  OneProcess process;
  ByteWriter out(&process, nullptr, nullptr);
  OutArchive archive(out);
  archive(Shared<Texts>(Texts{"a"}));
  const auto read = [&](auto value, SharedValues* values) {
    ByteReader bytes(out.begin(), out.size(), values);
    InArchive in(bytes);
    in(value);
  };
  read(Shared<Texts>(), &process);
  EXPECT_THROW(read(Shared<int>(), &process), DecodeError);
  EXPECT_THROW(read(Shared<Texts>(), nullptr), DecodeError);
}

TEST(SharedTest, IsAsItsValueAndMayBeEmpty) {
  EXPECT_TRUE(kShips<Shared<Texts>>);
  EXPECT_TRUE(kShips<std::vector<Shared<Texts>>>);
  EXPECT_FALSE(kShips<Shared<Plain>>);
  const auto ignore = [](const Shared<Texts>&) { return 1; };
  EXPECT_EQ(RunThere(delayed(ignore)(Shared<Texts>())), 1);
}

}  // namespace
}  // namespace joblib::internal
