#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "joblib/array.h"
#include "tests/array/npy_files.h"

namespace {

using ::joblib::Array;
using ::joblib::memmap;
using ::joblib::Shape;
using ::joblib::testing::ReadFile;
using ::joblib::testing::WriteFile;
using ::testing::AllOf;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

class MemmapTest : public joblib::testing::FilesTest {
 protected:
  // 0, 1, ... n - 1 as float.
  std::string Floats(int n) const {
    std::vector<float> values(static_cast<std::size_t>(n));
    for (int i = 0; i < n; ++i) {
      values[static_cast<std::size_t>(i)] = static_cast<float>(i);
    }
    WriteFile(Path("f.bin"), {reinterpret_cast<const char*>(values.data()),
                              values.size() * 4});
    return Path("f.bin");
  }
};

TEST_F(MemmapTest, WPlusMakesAFileOfZeros) {
  {
    auto map = memmap<float>(Path("new.bin"), "w+", {100, 4},
                             {.offset = 64, .order = 'F'});
    EXPECT_TRUE(map.is_memmap());
    EXPECT_EQ(map.mmap_mode(), "r+");
    EXPECT_EQ(map.filename(), Path("new.bin"));
    EXPECT_EQ(map.offset(), 64);
    EXPECT_TRUE(map.writeable());
    EXPECT_TRUE(map.is_f_contiguous());
    EXPECT_THAT(map.span(), Each(0.0f));
    map.mutable_view()(99, 3) = 1;
  }
  const std::string bytes = ReadFile(Path("new.bin"));
  EXPECT_EQ(bytes.size(), 64u + 1600u);
  EXPECT_EQ(bytes.substr(1660), std::string("\0\0\x80\x3f", 4));
  EXPECT_EQ(
      memmap<float>(Path("new.bin"), "r", {4, 100}, {.offset = 64})(3, 99), 1);
  memmap<float>(Path("new.bin"), "w+", {1});
  EXPECT_EQ(ReadFile(Path("new.bin")), std::string(4, '\0'));
}

TEST_F(MemmapTest, RIsReadOnly) {
  auto map = memmap<float>(Floats(4), "r");
  EXPECT_THAT(map.shape(), ElementsAre(4));
  EXPECT_THAT(map.span(), ElementsAre(0, 1, 2, 3));
  EXPECT_FALSE(map.writeable());
  EXPECT_EQ(map.mmap_mode(), "r");
  const auto read_only = ThrowsMessage<std::invalid_argument>(
      "assignment destination is read-only");
  EXPECT_THAT([&] { map.mutable_view(); }, read_only);
  EXPECT_THAT([&] { map.mutable_span(); }, read_only);
  EXPECT_THAT([&] { map.slice(0, 2).transpose().mutable_view(); }, read_only);
  map.copy().mutable_span()[0] = 1;
}

TEST_F(MemmapTest, RPlusWritesReachTheFile) {
  {
    auto map = memmap<float>(Floats(4), "r+");
    EXPECT_EQ(map.mmap_mode(), "r+");
    map.mutable_span()[3] = 7;
  }
  EXPECT_THAT(memmap<float>(Path("f.bin"), "r").span(),
              ElementsAre(0, 1, 2, 7));
}

TEST_F(MemmapTest, CWritesStayHere) {
  auto map = memmap<float>(Floats(4), "c");
  EXPECT_EQ(map.mmap_mode(), "c");
  EXPECT_TRUE(map.writeable());
  map.mutable_span()[3] = 7;
  EXPECT_THAT(map.span(), ElementsAre(0, 1, 2, 7));
  EXPECT_THAT(memmap<float>(Path("f.bin"), "r").span(),
              ElementsAre(0, 1, 2, 3));
}

TEST_F(MemmapTest, ViewsAreMapsThatKnowTheirOffset) {
  const auto map = memmap<float>(Floats(12), "r", {4, 3});
  const Array<float> row = map.slice(2, 3);
  EXPECT_TRUE(row.is_memmap());
  EXPECT_EQ(row.offset(), 24);
  EXPECT_EQ(row.filename(), Path("f.bin"));
  EXPECT_EQ(map.transpose()(2, 3), 11);
}

TEST_F(MemmapTest, OffsetsNeedNoPageBorder) {
  std::string bytes(10000, '\0');
  bytes[4100] = 5;
  WriteFile(Path("b.bin"), bytes);
  const auto map =
      memmap<std::uint8_t>(Path("b.bin"), "r", Shape(), {.offset = 4099});
  EXPECT_EQ(map.size(), 5901);
  EXPECT_EQ(map(1), 5);
}

TEST_F(MemmapTest, RPlusMakesAShortFileLonger) {
  const auto map = memmap<float>(Floats(2), "r+", {4});
  EXPECT_THAT(map.span(), ElementsAre(0, 1, 0, 0));
  EXPECT_EQ(std::filesystem::file_size(Path("f.bin")), 16u);
  for (const char* const mode : {"r", "c"}) {
    EXPECT_THAT([&] { memmap<float>(Path("f.bin"), mode, {5}); },
                ThrowsMessage<std::invalid_argument>(
                    AllOf(HasSubstr("too short"), HasSubstr("16 bytes"))));
  }
}

TEST_F(MemmapTest, EmptyAndZeroDimensionalMaps) {
  WriteFile(Path("empty"), "");
  EXPECT_EQ(memmap<float>(Path("empty"), "r").size(), 0);
  EXPECT_EQ(memmap<float>(Path("empty"), "w+", {0, 3}).size(), 0);
  EXPECT_EQ(memmap<float>(Floats(4), "r", Shape(std::vector<std::int64_t>()),
                          {.offset = 8})(),
            2);
}

TEST_F(MemmapTest, ArgumentsThatCannotBeAreRefused) {
  const std::string path = Floats(5);
  const auto bad = [](auto call, const char* why) {
    EXPECT_THAT(call, ThrowsMessage<std::invalid_argument>(HasSubstr(why)));
  };
  bad([&] { memmap<float>(path, "x"); }, "mode must be one of");
  bad([&] { memmap<float>(path, "x"); }, "(got 'x')");
  bad([&] { memmap<float>(path, joblib::none); }, "(got None)");
  bad([&] { memmap<float>(path, "w+"); },
      "shape must be given if mode == 'w+'");
  bad([&] { memmap<double>(path, "r"); }, "not a multiple of the data-type");
  bad([&] { memmap<float>(path, "r", {2}, {.offset = -4}); }, "negative");
  bad([&] { memmap<float>(path, "r", {2}, {.offset = 2}); }, "alignment");
  bad([&] { memmap<float>(path, "r", Shape(), {.offset = 24}); }, "beyond");
  bad([&] { memmap<float>(path, "r", {2}, {.offset = 16}); }, "too short");
  bad([&] { memmap<float>(path, "r", {2}, {.order = 'A'}); }, "order");
  bad([&] { memmap<float>(path, "r", {-2}); }, "negative");
  bad(
      [&] {
        memmap<float>(path, "r+", {std::int64_t{1} << 60},
                      {.offset = std::int64_t{1} << 62});
      },
      sizeof(void*) == 4 ? "address space" : "larger than a file can be");
  // Nothing of that made the file longer or shorter.
  EXPECT_EQ(std::filesystem::file_size(path), 20u);
  EXPECT_THAT([&] { memmap<float>(Path("none"), "r+", {2}); },
              ThrowsMessage<std::runtime_error>(HasSubstr("none")));
  EXPECT_FALSE(std::filesystem::exists(Path("none")));
}

TEST_F(MemmapTest, AFolderIsNoFile) {
  for (const char* const mode : {"r", "r+", "w+", "c"}) {
    EXPECT_THAT([&] { memmap<float>(Path(""), mode, {2}); },
                ThrowsMessage<std::exception>(HasSubstr(Path(""))))
        << mode;
  }
}

TEST_F(MemmapTest, LoadMapsInEveryMode) {
  joblib::dump(Array<double>::from({1, 2, 3}, {3}), Path("a.npy"));
  for (const auto& [mode, seen] :
       {std::pair("r", "r"), std::pair("r+", "r+"), std::pair("w+", "r+"),
        std::pair("c", "c")}) {
    const auto map = joblib::load<double>(Path("a.npy"), mode);
    EXPECT_TRUE(map.is_memmap());
    EXPECT_EQ(map.mmap_mode(), seen);
    EXPECT_EQ(map.offset(), 128);
    EXPECT_THAT(map.span(), ElementsAre(1, 2, 3));
  }
  EXPECT_FALSE(joblib::load<double>(Path("a.npy")).is_memmap());
  EXPECT_THAT([&] { joblib::load<double>(Path("a.npy"), "rw"); },
              ThrowsMessage<std::invalid_argument>(HasSubstr("(got 'rw')")));
}

}  // namespace
