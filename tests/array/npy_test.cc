// .npy files against numpy's own: numpy_files.inc was written by it.
#include <complex>
#include <cstdint>
#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "joblib/array.h"
#include "tests/array/npy_files.h"

namespace {

struct Pixel {
  std::uint8_t r = 0, g = 0;
  std::uint16_t depth = 0;
};
struct Padded {
  std::uint8_t id = 0;
  double at[2] = {};
  bool on = false;
};

}  // namespace

template <>
inline constexpr const char* joblib::npy_descr<Pixel> =
    "[('r', '|u1'), ('g', '|u1'), ('depth', '<u2')]";
template <>
inline constexpr const char* joblib::npy_descr<Padded> =
    "[('id', '|u1'), ('', '|V7'), ('at', '<f8', (2,)), ('on', '|b1'), "
    "('', '|V7')]";

namespace {

using ::joblib::Array;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;
using ::testing::ThrowsMessage;

std::string NumpyFile(const std::string& name) {
  static const struct {
    const char* name;
    const char* bytes;
    std::size_t n;
  } kFiles[] = {
#include "tests/array/numpy_files.inc"
  };
  for (const auto& file : kFiles) {
    if (file.name == name) return {file.bytes, file.n};
  }
  throw std::logic_error("no file of numpy's: " + name);
}

class NpyTest : public joblib::testing::FilesTest {
 protected:
  std::string Written(const std::string& bytes) const {
    joblib::testing::WriteFile(Path("in.npy"), bytes);
    return Path("in.npy");
  }
  std::string OfNumpy(const std::string& name) const {
    return Written(NumpyFile(name));
  }
  template <class T>
  std::string Dumped(const Array<T>& array) const {
    joblib::dump(array, Path("out.npy"));
    return joblib::testing::ReadFile(Path("out.npy"));
  }
  // 0, 1, ... in C order, read from numpy's file and written as numpy does.
  template <class T>
  void ExpectCounted(const std::string& descr, std::vector<T> expected) {
    const auto loaded = joblib::load<T>(OfNumpy("type " + descr));
    EXPECT_THAT(loaded.shape(), ElementsAre(2, 3)) << descr;
    EXPECT_EQ(std::vector<T>(loaded.begin(), loaded.end()), expected) << descr;
    EXPECT_EQ(Dumped(Array<T>::from(expected, {2, 3})),
              NumpyFile("type " + descr))
        << descr;
    if (descr[0] != '<') return;
    const auto turned = joblib::load<T>(OfNumpy("swapped " + descr));
    EXPECT_EQ(std::vector<T>(turned.begin(), turned.end()), expected) << descr;
    EXPECT_THAT([&] { joblib::load<T>(Path("in.npy"), "r"); },
                ThrowsMessage<std::invalid_argument>(
                    HasSubstr("has the other byte order")));
  }
};

TEST_F(NpyTest, EveryTypeIsWrittenAndReadAsNumpyDoes) {
  ExpectCounted<bool>("|b1", {false, true, true, true, true, true});
  ExpectCounted<std::int8_t>("|i1", {0, 1, 2, 3, 4, 5});
  ExpectCounted<std::uint8_t>("|u1", {0, 1, 2, 3, 4, 5});
  ExpectCounted<std::int16_t>("<i2", {0, 1, 2, 3, 4, 5});
  ExpectCounted<std::uint16_t>("<u2", {0, 1, 2, 3, 4, 5});
  ExpectCounted<std::int32_t>("<i4", {0, 1, 2, 3, 4, 5});
  ExpectCounted<std::uint32_t>("<u4", {0, 1, 2, 3, 4, 5});
  ExpectCounted<std::int64_t>("<i8", {0, 1, 2, 3, 4, 5});
  ExpectCounted<std::uint64_t>("<u8", {0, 1, 2, 3, 4, 5});
  ExpectCounted<float>("<f4", {0, 1, 2, 3, 4, 5});
  ExpectCounted<double>("<f8", {0, 1, 2, 3, 4, 5});
  ExpectCounted<std::complex<float>>("<c8", {0, 1, 2, 3, 4, 5});
  ExpectCounted<std::complex<double>>("<c16", {0, 1, 2, 3, 4, 5});
}

Array<std::int32_t> Counted(const joblib::Shape& shape, char order = 'C') {
  auto array =
      Array<std::int32_t>::zeros(shape, joblib::Memory::kPrivate, order);
  std::int32_t next = 0;
  for (std::int32_t& x : array.mutable_view()) x = next++;
  return array;
}

TEST_F(NpyTest, EveryShapeAndOrderIsWrittenAndReadAsNumpyDoes) {
  const std::map<std::string, Array<std::int32_t>> arrays = {
      {"C ()", Counted({})},
      {"C (0,)", Counted({0})},
      {"C (1,)", Counted({1})},
      {"C (3, 0, 2)", Counted({3, 0, 2})},
      {"C (7,)", Counted({7})},
      {"C (2, 3, 4)", Counted({2, 3, 4})},
      {"C (1, 1, 5)", Counted({1, 1, 5})},
      {"F (2, 3)", Counted({2, 3}, 'F')},
      {"F (2, 3, 4)", Counted({2, 3, 4}, 'F')},
      {"F (3, 0, 2)", Counted({3, 0, 2}, 'F')},
      {"F (5, 1)", Counted({5, 1}, 'F')},
      {"strided", Counted({4, 6}).slice(0, 4, 2)},
  };
  for (const auto& [name, array] : arrays) {
    EXPECT_EQ(Dumped(array), NumpyFile(name)) << name;
    for (const auto& mode : {joblib::MmapMode(joblib::none),
                             joblib::MmapMode("r"), joblib::MmapMode("c")}) {
      const auto loaded = joblib::load<std::int32_t>(OfNumpy(name), mode);
      EXPECT_EQ(loaded.shape(), array.shape()) << name;
      EXPECT_TRUE(
          std::equal(loaded.begin(), loaded.end(), array.begin(), array.end()))
          << name;
      EXPECT_TRUE(name[0] != 'F' || loaded.is_f_contiguous()) << name;
    }
  }
}

TEST_F(NpyTest, LaterVersionsAreRead) {
  for (const char* const name : {"version 2", "version 3"}) {
    EXPECT_THAT(joblib::load<double>(OfNumpy(name)).span(),
                ElementsAre(0, 1, 2, 3, 4, 5));
    EXPECT_THAT(joblib::load<double>(Path("in.npy"), "r").span(),
                ElementsAre(0, 1, 2, 3, 4, 5));
  }
}

TEST_F(NpyTest, StructsAreWrittenAndReadAsNumpyDoes) {
  auto pixels = Array<Pixel>::zeros({3});
  int i = 0;
  for (Pixel& pixel : pixels.mutable_view()) {
    pixel.r = static_cast<std::uint8_t>(i);
    pixel.g = static_cast<std::uint8_t>(2 * i);
    pixel.depth = static_cast<std::uint16_t>(300 * i++);
  }
  EXPECT_EQ(Dumped(pixels), NumpyFile("pixels"));
  EXPECT_EQ(joblib::load<Pixel>(OfNumpy("pixels"), "r")(2).depth, 600);
  EXPECT_EQ(joblib::load<Pixel>(OfNumpy("swapped pixels"))(2).depth, 600);
  const auto padded = joblib::load<Padded>(OfNumpy("padded"));
  EXPECT_EQ(padded(1).id, 1);
  EXPECT_EQ(padded(1).at[0], 1.5);
  EXPECT_EQ(padded(1).at[1], -1);
  EXPECT_TRUE(padded(1).on);
  EXPECT_EQ(Dumped(padded), NumpyFile("padded"));
}

TEST_F(NpyTest, AFileOfAnotherTypeIsRefusedNamingBoth) {
  EXPECT_THAT([&] { joblib::load<float>(OfNumpy("type <f8")); },
              ThrowsMessage<std::invalid_argument>(
                  AllOf(HasSubstr("'<f8'"), HasSubstr("'<f4'"))));
  EXPECT_THAT([&] { joblib::load<std::uint32_t>(OfNumpy("type <i4"), "r"); },
              ThrowsMessage<std::invalid_argument>(HasSubstr("'<u4'")));
  EXPECT_THAT([&] { joblib::load<std::uint32_t>(OfNumpy("pixels")); },
              ThrowsMessage<std::invalid_argument>(HasSubstr("'depth'")));
  EXPECT_THAT(
      [&] { joblib::load<double>(OfNumpy("objects")); },
      ThrowsMessage<std::invalid_argument>(HasSubstr("only Python can read")));
  EXPECT_THAT([&] { joblib::load<double>(OfNumpy("texts")); },
              ThrowsMessage<std::invalid_argument>(HasSubstr("'<U2'")));
}

TEST_F(NpyTest, BoolsThatAreNeitherZeroNorOneAreTrue) {
  std::string bytes = NumpyFile("type |b1");
  bytes[bytes.size() - 6] = 2;
  const auto loaded = joblib::load<bool>(Written(bytes));
  EXPECT_THAT(loaded.span(), ElementsAre(true, true, true, true, true, true));
}

// The header of a valid file of 6 doubles with `from` in it replaced.
std::string Changed(const std::string& from, const std::string& to) {
  const std::string file = NumpyFile("type <f8");
  std::string text = file.substr(10, 118);
  const std::size_t at = text.find(from);
  if (at == std::string::npos) throw std::logic_error("no such text");
  text.replace(at, from.size(), to);
  const auto n = text.size();
  return file.substr(0, 8) + static_cast<char>(n & 0xff) +
         static_cast<char>(n >> 8) + text + file.substr(128);
}

TEST_F(NpyTest, EveryFieldThatIsWrongIsRefused) {
  // clang-format off
  const std::tuple<const char*, const char*, const char*> changes[] = {
      {"(2, 3)", "(2, 4)", "only 48 are left"},
      {"(2, 3)", "(-2, -3)", "shape is not valid: (-2, -3)"},
      {"(2, 3)", "(2, 3.0)", "expected a comma"},
      {"(2, 3)", "[2, 3]", "shape is not valid"},
      {"(2, 3)", "6", "shape is not valid"},
      {"(2, 3)", "('2', 3)", "shape is not valid"},
      {"(2, 3)", "(4611686018427387904, 4)", "larger than the address space"},
      {"(2, 3)", "(9223372036854775807,)", "larger than the address space"},
      {"(2, 3)", "(9223372036854775808,)", "expected an integer"},
      {"(2, 3)", "(268435455,)", "only 48 are left"},
      {"(2, 3)", "(4294967296, 4294967296, 0)", "larger than the address space"},
      {"(2, 3)", "((((((((((((((((((((((((((((((((((2, 3)", "fewer brackets"},
      {"(2, 3)", "(2, 3", "expected"},
      {"(2, 3)", "(2 3)", "expected a comma"},
      {"False", "0", "fortran_order is not a valid bool: 0"},
      {"False", "None", "fortran_order is not a valid bool: None"},
      {"False", "'False'", "fortran_order is not a valid bool"},
      {"False", "Fals", "expected"},
      {"'<f8'", "'|O'", "only Python can read"},
      {"'<f8'", "'<f9'", "not '<f8'"},
      {"'<f8'", "'<f'", "none that joblib::Array knows"},
      {"'<f8'", "'<f0'", "none that joblib::Array knows"},
      {"'<f8'", "'<x8'", "none that joblib::Array knows"},
      {"'<f8'", "'<f99999999999999999999'", "none that joblib::Array knows"},
      {"'<f8'", "'<f18446744073709551615'", "none that joblib::Array knows"},
      {"'<f8'", "''", "none of numpy's"},
      {"'<f8'", "'<'", "none of numpy's"},
      {"'<f8'", "8", "none of numpy's"},
      {"'<f8'", "[]", "none of numpy's"},
      {"'<f8'", "[('x', '<f8')]", "not '<f8'"},
      {"'<f8'", "[('x',)]", "has a field that is not"},
      {"'<f8'", "['x']", "has a field that is not"},
      {"'<f8'", "[(1, '<f8')]", "a field without a name"},
      {"'<f8'", "[('x', '<f4'), ('y', '>f4')]", "mixes both byte orders"},
      {"'<f8'", "[('x', '<f8', (-1,))]", "a shape that can't be"},
      {"'<f8'", "[('x', '<f8', (99999, 99999))]", "a shape that can't be"},
      {"'<f8'", "[('x', '|V1073741824'), ('y', '|V1')]", "is too large"},
      {"'<f8'", "[('x', [('y', '<f8', (90000,))], (90000,))]", "is too large"},
      {"'<f8'", "'<f8", "expected"},
      {"'<f8'", "'<\\f8'", "after a backslash"},
      {"'descr'", "'descry'", "no dictionary of"},
      {"'descr'", "descr", "expected"},
      {"'descr':", "'descr'", "expected a colon"},
      {"{", "", "expected an end"},
      {"{", "[", "expected"},
      {"}", "", "expected"},
      {"}", "} 1", "expected an end"},
      {"}", ", 'more': 1}", "expected"},
      {", }", ", 'more': 1}", "no dictionary of"},
  };
  // clang-format on
  for (const auto& [from, to, why] : changes) {
    SCOPED_TRACE(std::string(from) + " -> " + to);
    const std::string path = Written(Changed(from, to));
    for (const auto& mode :
         {joblib::MmapMode(joblib::none), joblib::MmapMode("r")}) {
      EXPECT_THAT([&] { joblib::load<double>(path, mode); },
                  ThrowsMessage<std::invalid_argument>(
                      AllOf(StartsWith(path), HasSubstr(why))));
    }
  }
}

TEST_F(NpyTest, OddButValidHeadersAreRead) {
  // clang-format off
  const std::tuple<const char*, const char*> changes[] = {
      {"(2, 3)", "(2L, 3L)"},
      {"(2, 3)", "(2,3,)"},
      {"'<f8'", "\"<f8\""},
      {"'<f8'", "'=f8'"},
      {"'descr'", "\n 'descr' "},
  };
  // clang-format on
  for (const auto& [from, to] : changes) {
    const std::string path = Written(Changed(from, to));
    EXPECT_THAT(joblib::load<double>(path).span(),
                ElementsAre(0, 1, 2, 3, 4, 5))
        << to;
  }
}

TEST_F(NpyTest, EveryBeginOfAFileIsRefused) {
  const std::string file = NumpyFile("type <f8");
  for (std::size_t n = 0; n < file.size(); ++n) {
    const std::string path = Written(file.substr(0, n));
    EXPECT_THROW(joblib::load<double>(path), std::invalid_argument) << n;
    EXPECT_THROW(joblib::load<double>(path, "c"), std::invalid_argument) << n;
  }
}

TEST_F(NpyTest, EveryByteChangedIsReadOrRefused) {
  for (const char* const name :
       {"type <f8", "version 2", "padded", "F (2, 3)"}) {
    const std::string file = NumpyFile(name);
    for (std::size_t i = 0; i < std::min<std::size_t>(file.size(), 140); ++i) {
      for (const int byte :
           {0x00, 0x20, 0x27, 0x28, 0x39, 0x2d, 0x7f, 0x80, 0xff}) {
        std::string changed = file;
        changed[i] = static_cast<char>(byte);
        try {
          (void)joblib::load<double>(Written(changed));
        } catch (const std::invalid_argument&) {
        }
      }
    }
  }
}

TEST_F(NpyTest, HeadersOf64KiBOfBlanksAreReadAndLargerOnesRefused) {
  const std::string file = NumpyFile("type <f8");
  const std::string text = file.substr(10, 117);
  const auto with = [&](std::size_t blanks) {
    const std::string padded = text + std::string(blanks, ' ') + '\n';
    std::string bytes = file.substr(0, 6) + std::string("\2\0", 2);
    for (int i = 0; i < 4; ++i) {
      bytes += static_cast<char>(padded.size() >> 8 * i & 0xff);
    }
    return bytes + padded + file.substr(128);
  };
  EXPECT_THAT(joblib::load<double>(Written(with(1 << 16))).span(),
              ElementsAre(0, 1, 2, 3, 4, 5));
  EXPECT_THAT(
      [&] { joblib::load<double>(Written(with(1 << 20))); },
      ThrowsMessage<std::invalid_argument>(HasSubstr("is larger than")));
}

TEST_F(NpyTest, ManyFieldsNeedALongerHeader) {
  auto pixels = Array<Pixel>::zeros({2});
  joblib::dump(pixels, Path("a.npy"));
  EXPECT_EQ(joblib::testing::ReadFile(Path("a.npy")).size() % 64, 8u);
  EXPECT_EQ(joblib::load<Pixel>(Path("a.npy")).size(), 2);
}

TEST_F(NpyTest, WhatTheSystemRefusesNamesThePath) {
  EXPECT_THAT([&] { joblib::load<double>(Path("none.npy")); },
              ThrowsMessage<std::runtime_error>(HasSubstr("none.npy")));
  EXPECT_THAT([&] { joblib::load<double>(Path("")); },
              ThrowsMessage<std::exception>(HasSubstr(Path(""))));
  const auto array = Array<double>::zeros({3});
  EXPECT_THAT([&] { joblib::dump(array, Path("no/such/folder.npy")); },
              ThrowsMessage<std::runtime_error>(HasSubstr("folder.npy")));
}

TEST_F(NpyTest, ADumpOntoTheMappedFileIsRefused) {
  joblib::dump(Array<double>::zeros({3}), Path("a.npy"));
  const auto mapped = joblib::load<double>(Path("a.npy"), "r");
  EXPECT_THAT([&] { joblib::dump(mapped, Path("./a.npy")); },
              ThrowsMessage<std::invalid_argument>(
                  HasSubstr("the file that this array maps")));
  EXPECT_THAT(mapped.span(), ElementsAre(0, 0, 0));
  joblib::dump(mapped, Path("b.npy"));
  EXPECT_EQ(joblib::load<double>(Path("b.npy")).size(), 3);
}

}  // namespace
