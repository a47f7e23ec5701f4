#include "joblib/array.h"

#include <algorithm>
#include <complex>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "joblib/joblib.h"
#include "tests/testing/encoded.h"

namespace {

using ::joblib::Array;
using ::joblib::Memory;
using ::testing::ElementsAre;
using ::testing::ElementsAreArray;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::ThrowsMessage;

std::vector<int> Counted(std::int64_t n) {
  std::vector<int> values(static_cast<std::size_t>(n));
  for (std::size_t i = 0; i < values.size(); ++i) {
    values[i] = static_cast<int>(i);
  }
  return values;
}
template <class T>
std::vector<T> Elements(const Array<T>& array) {
  return {array.begin(), array.end()};
}

TEST(ArrayTest, FromTakesTheVectorOver) {
  std::vector<double> values = {1, 2, 3, 4, 5, 6};
  const double* const data = values.data();
  const auto array = Array<double>::from(std::move(values), {2, 3});
  EXPECT_EQ(array.span().data(), data);
  EXPECT_THAT(array.shape(), ElementsAre(2, 3));
  EXPECT_THAT(array.strides(), ElementsAre(3, 1));
  EXPECT_EQ(array(1, 0), 4);
  EXPECT_EQ(array.size(), 6);
  EXPECT_EQ(array.ndim(), 2);
  EXPECT_EQ(array.nbytes(), 48);
  EXPECT_TRUE(array.writeable());
  EXPECT_FALSE(array.is_memmap());
  EXPECT_EQ(array.mmap_mode(), "");
  EXPECT_EQ(array.filename(), "");
  EXPECT_EQ(array.offset(), 0);
}

TEST(ArrayTest, FortranOrderHasTheFirstIndexFastest) {
  const auto array = Array<int>::from(Counted(6), {2, 3}, 'F');
  EXPECT_EQ(array(1, 0), 1);
  EXPECT_EQ(array(0, 1), 2);
  EXPECT_THAT(Elements(array), ElementsAre(0, 2, 4, 1, 3, 5));
  EXPECT_TRUE(array.is_f_contiguous());
  EXPECT_FALSE(array.is_c_contiguous());
}

TEST(ArrayTest, ShapesOfAnyIntegerType) {
  const std::vector<int> values = Counted(4);
  EXPECT_THAT(Array<int>::from(values, {values.size()}).shape(),
              ElementsAre(4));
  const std::int64_t rows = 2;
  EXPECT_THAT(Array<int>::from(values, {rows, 2u}).shape(), ElementsAre(2, 2));
}

TEST(ArrayTest, OtherNumbersOfValuesAreRefused) {
  EXPECT_THAT(
      [] {
        Array<int>::from({1, 2, 3}, {2, 2});
      },
      ThrowsMessage<std::invalid_argument>(
          "cannot reshape array of size 3 into shape (2, 2)"));
}

TEST(ArrayTest, ShapesThatCannotBeAreRefusedBeforeAnythingIsAllocated) {
  EXPECT_THAT(
      [] {
        Array<int>::zeros({2, -1});
      },
      ThrowsMessage<std::invalid_argument>(
          "negative dimensions are not allowed: (2, -1)"));
  const std::int64_t huge = std::int64_t{1} << 40;
  for (const joblib::Shape& shape :
       {joblib::Shape{huge, huge}, joblib::Shape{huge, huge, 0},
        joblib::Shape{std::numeric_limits<std::int64_t>::max()}}) {
    EXPECT_THAT([&] { Array<int>::zeros(shape); },
                ThrowsMessage<std::invalid_argument>(
                    HasSubstr("larger than the address space")));
  }
  EXPECT_THAT([] { Array<int>::zeros({2}, Memory::kPrivate, 'K'); },
              ThrowsMessage<std::invalid_argument>(HasSubstr("got 'K'")));
}

TEST(ArrayTest, ZeroDimensionalAndEmptyOnes) {
  auto one = Array<double>::zeros({});
  EXPECT_THAT(one.shape(), IsEmpty());
  EXPECT_EQ(one.size(), 1);
  one.mutable_view()() = 3;
  EXPECT_EQ(one(), 3);
  EXPECT_EQ(one.transpose()(), 3);
  const auto none = Array<double>::zeros({3, 0, 2});
  EXPECT_EQ(none.size(), 0);
  EXPECT_TRUE(none.span().empty());
  EXPECT_EQ(none.begin(), none.end());
  EXPECT_THAT(none.slice(1, 3).shape(), ElementsAre(2, 0, 2));
  EXPECT_THAT(Array<double>().shape(), ElementsAre(0));
  EXPECT_TRUE(Array<double>().span().empty());
}

TEST(ArrayTest, CopiesShareTheElements) {
  auto array = Array<int>::zeros({2});
  const Array<int> same = array;
  array.mutable_span()[1] = 5;
  EXPECT_EQ(same(1), 5);
  Array<int> own = array.copy();
  own.mutable_span()[1] = 6;
  EXPECT_EQ(same(1), 5);
}

TEST(ArrayTest, SlicesAndTransposesAreViews) {
  auto array = Array<int>::from(Counted(12), {4, 3});
  const Array<int> rows = array.slice(1, 3);
  EXPECT_THAT(Elements(rows), ElementsAre(3, 4, 5, 6, 7, 8));
  EXPECT_EQ(rows.span().data(), array.span().data() + 3);
  const Array<int> turned = rows.transpose();
  EXPECT_THAT(turned.shape(), ElementsAre(3, 2));
  EXPECT_THAT(Elements(turned), ElementsAre(3, 6, 4, 7, 5, 8));
  const Array<int> every_other = array.slice(0, 4, 2);
  EXPECT_THAT(Elements(every_other), ElementsAre(0, 1, 2, 6, 7, 8));
  EXPECT_THAT([&] { (void)every_other.span(); },
              ThrowsMessage<std::invalid_argument>(HasSubstr("copy()")));
  EXPECT_THAT(every_other.copy().span(), ElementsAre(0, 1, 2, 6, 7, 8));
  array.mutable_view()(2, 0) = -1;
  EXPECT_EQ(every_other(1, 0), -1);
  EXPECT_EQ(turned(0, 1), -1);
}

TEST(ArrayTest, SlicesAllLieWithinTheArray) {
  const auto array = Array<int>::from(Counted(5), {5});
  for (int begin = 0; begin <= 5; ++begin) {
    for (int end = begin; end <= 5; ++end) {
      for (int step = 1; step <= 6; ++step) {
        std::vector<int> expected;
        for (int i = begin; i < end; i += step) expected.push_back(i);
        EXPECT_THAT(Elements(array.slice(begin, end, step)),
                    ElementsAreArray(expected));
      }
    }
  }
  EXPECT_THROW((void)array.slice(-1, 2), std::out_of_range);
  EXPECT_THROW((void)array.slice(2, 1), std::out_of_range);
  EXPECT_THAT([&] { (void)array.slice(0, 6); },
              ThrowsMessage<std::out_of_range>(
                  "slice(0, 6) of an array of shape (5,)"));
  EXPECT_THROW((void)array.slice(0, 5, 0), std::invalid_argument);
  EXPECT_THROW((void)Array<int>::zeros({}).slice(0, 0), std::invalid_argument);
  const std::int64_t most = std::numeric_limits<std::int64_t>::max();
  EXPECT_THAT(Elements(array.slice(1, 5, most)), ElementsAre(1));
}

TEST(ArrayTest, IteratesInCOrderWhateverTheStrides) {
  const auto array = Array<int>::from(Counted(24), {2, 3, 4});
  const Array<int> turned = array.transpose();
  std::vector<int> expected;
  for (int k = 0; k < 4; ++k) {
    for (int j = 0; j < 3; ++j) {
      for (int i = 0; i < 2; ++i) expected.push_back(array(i, j, k));
    }
  }
  EXPECT_THAT(Elements(turned), ElementsAreArray(expected));
  EXPECT_THAT(Elements(turned.copy()), ElementsAreArray(expected));
  EXPECT_EQ(turned.end() - turned.begin(), 24);
  EXPECT_EQ(turned.begin()[1], 12);
  EXPECT_EQ(*std::max_element(turned.begin(), turned.end()), 23);
}

TEST(ArrayTest, AViewOutlivesItsArray) {
  auto view = Array<int>::zeros({3}).mutable_view();
  for (int& x : view) x = 7;
  EXPECT_THAT(std::vector<int>(view.begin(), view.end()), ElementsAre(7, 7, 7));
}

TEST(ArrayTest, SharedMemoryIsZeroAtFirst) {
  auto array = Array<double>::empty({1000, 3}, Memory::kShared);
  EXPECT_TRUE(array.writeable());
  EXPECT_FALSE(array.is_memmap());
  EXPECT_THAT(array.span(), ::testing::Each(0.0));
  array.mutable_view()(999, 2) = 1;
  EXPECT_EQ(array(999, 2), 1);
  EXPECT_EQ(Array<int>::zeros({0}, Memory::kShared).size(), 0);
}

#ifndef NDEBUG
TEST(ArrayTest, IndicesAreCheckedInDebugBuilds) {
  auto array = Array<int>::zeros({2, 3});
  EXPECT_THAT([&] { (void)array(2, 0); },
              ThrowsMessage<std::out_of_range>(
                  "index 2 is out of bounds for axis 0 with size 2"));
  EXPECT_THAT([&] { array.mutable_view()(0, -1) = 1; },
              ThrowsMessage<std::out_of_range>(
                  "index -1 is out of bounds for axis 1 with size 3"));
  EXPECT_THAT([&] { (void)array(1); },
              ThrowsMessage<std::out_of_range>(HasSubstr("1 indices")));
}
#endif

struct Pixel {
  std::uint8_t r = 0, g = 0;
  std::uint16_t depth = 0;
};
struct Wrong {
  double x = 0;
};
struct Pointing {
  int* pointer = nullptr;
};

}  // namespace

template <>
inline constexpr const char* joblib::npy_descr<Pixel> =
    "[('r', '|u1'), ('g', '|u1'), ('depth', '<u2')]";
template <>
inline constexpr const char* joblib::npy_descr<Wrong> = "[('x', '<f4')]";

namespace {

static_assert(joblib::ArrayElement<bool>);
static_assert(joblib::ArrayElement<long long>);
static_assert(joblib::ArrayElement<std::complex<float>>);
static_assert(joblib::ArrayElement<Pixel>);
static_assert(!joblib::ArrayElement<Pointing>);
static_assert(!joblib::ArrayElement<long double>);
static_assert(!joblib::ArrayElement<char32_t>);
static_assert(!joblib::ArrayElement<const int>);
static_assert(!joblib::ArrayElement<std::string>);
static_assert(joblib::Shippable<decltype(joblib::delayed(
                  [](const Array<int>& a) { return a; })(Array<int>()))>);

TEST(ArrayTest, StructsNameTheirDescription) {
  auto pixels = Array<Pixel>::zeros({2});
  pixels.mutable_view()(1).depth = 300;
  EXPECT_EQ(pixels(1).depth, 300);
  EXPECT_THAT(
      [] {
        joblib::dump(Array<Wrong>::zeros({1}), ::testing::TempDir() + "/wrong");
      },
      ThrowsMessage<std::invalid_argument>(
          HasSubstr("describes 4 bytes, but the type has 8")));
}

template <class T>
Array<T> There(const Array<T>& array) {
  return joblib::testing::ThereAndBack(array);
}

TEST(ArrayTest, TravelsByValueInItsOrder) {
  const auto array = Array<int>::from(Counted(24), {2, 3, 4});
  const Array<int> c = There(array);
  EXPECT_THAT(c.shape(), ElementsAre(2, 3, 4));
  EXPECT_TRUE(c.is_c_contiguous());
  EXPECT_THAT(Elements(c), ElementsAreArray(Elements(array)));
  const Array<int> f = There(array.transpose());
  EXPECT_TRUE(f.is_f_contiguous());
  EXPECT_THAT(Elements(f), ElementsAreArray(Elements(array.transpose())));
  const Array<int> strided = There(array.slice(0, 2, 2).transpose());
  EXPECT_THAT(Elements(strided),
              ElementsAreArray(Elements(array.slice(0, 1).transpose())));
  EXPECT_EQ(There(Array<int>()).size(), 0);
  EXPECT_EQ(There(Array<int>::zeros({}))(), 0);
  EXPECT_THAT(There(Array<int>::zeros({3, 0})).shape(), ElementsAre(3, 0));
}

TEST(ArrayTest, LargeStridedOnesTravelByPieces) {
  const auto array = Array<int>::from(Counted(300 * 400), {300, 400});
  const Array<int> turned = array.slice(0, 300, 3).transpose();
  EXPECT_THAT(Elements(There(turned)), ElementsAreArray(Elements(turned)));
  const auto deep = Array<int>::from(Counted(1 << 17), {1, 2, 256, 256});
  const auto permuted = deep.transpose().slice(0, 256, 2);
  EXPECT_THAT(Elements(There(permuted)), ElementsAreArray(Elements(permuted)));
}

TEST(ArrayTest, BytesThatAnnounceTooMuchAreRefused) {
  const std::string good =
      joblib::testing::Encoded(Array<int>::from(Counted(6), {2, 3}));
  for (std::size_t i = 0; i < good.size(); ++i) {
    for (const int value : {0, 1, 0x7f, 0x80, 0xff}) {
      std::string bad = good;
      bad[i] = static_cast<char>(value);
      try {
        (void)joblib::testing::Decoded<Array<int>>(bad);
      } catch (const joblib::internal::DecodeError&) {
      }
    }
    EXPECT_THROW((void)joblib::testing::Decoded<Array<int>>(good.substr(0, i)),
                 joblib::internal::DecodeError);
  }
}

TEST(ArrayTest, BoolsTakeAByteEach) {
  const auto array = Array<bool>::from({true, false, true}, {3});
  EXPECT_EQ(array.nbytes(), 3);
  EXPECT_THAT(array.span(), ElementsAre(true, false, true));
  std::string bytes = joblib::testing::Encoded(array);
  bytes.back() = 2;
  EXPECT_THAT(Elements(joblib::testing::Decoded<Array<bool>>(bytes)),
              ElementsAre(true, false, true));
}

}  // namespace
