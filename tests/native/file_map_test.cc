#include "native/file_map.h"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>
#include <utility>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace joblib::native {
namespace {

using ::testing::HasSubstr;

// What /proc/self/smaps says of the map that `address` lies in.
std::string FlagsOf(const void* address) {
  const auto at = reinterpret_cast<std::uintptr_t>(address);
  std::ifstream maps("/proc/self/smaps");
  bool is_here = false;
  for (std::string line; std::getline(maps, line);) {
    char* end = nullptr;
    const std::uintptr_t begin = std::strtoull(line.c_str(), &end, 16);
    if (*end == '-') {
      is_here = begin <= at && at < std::strtoull(end + 1, nullptr, 16);
    } else if (is_here && line.starts_with("VmFlags:")) {
      return line;
    }
  }
  return "";
}

constexpr char kNotInCoreDumps[] = " dd";

TEST(FileMapTest, MemoryIsNotInCoreDumps) {
  const auto map = FileMap::Anonymous(100'000);
  ASSERT_TRUE(map.ok()) << map.status();
  EXPECT_THAT(FlagsOf(map->data()), HasSubstr(kNotInCoreDumps));
}

TEST(FileMapTest, FilesAreNotInCoreDumps) {
  const std::string path = ::testing::TempDir() + "/file_map_test";
  std::ofstream(path) << std::string(100'000, 'x');
  for (const MapMode mode :
       {MapMode::kRead, MapMode::kReadWrite, MapMode::kCopyOnWrite}) {
    auto file = MappedFile::Open(path, FileUse::kReadWrite);
    ASSERT_TRUE(file.ok()) << file.status();
    const auto map = FileMap::Map(*std::move(file), 5000, 50'000, mode);
    ASSERT_TRUE(map.ok()) << map.status();
    EXPECT_EQ(map->data()[49'999], std::byte{'x'});
    EXPECT_THAT(FlagsOf(map->data()), HasSubstr(kNotInCoreDumps));
  }
}

}  // namespace
}  // namespace joblib::native
