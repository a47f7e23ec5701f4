#include <cstdint>
#include <cstring>
#include <fstream>
#include <string>

#include "gtest/gtest.h"
#include "native/pages.h"

namespace joblib::native {
namespace {

bool IsMapped(std::uintptr_t address) {
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    const auto dash = line.find('-');
    if (address >= std::stoull(line.substr(0, dash), nullptr, 16) &&
        address < std::stoull(line.substr(dash + 1), nullptr, 16)) {
      return true;
    }
  }
  return false;
}

TEST(PagesProcessTest, FreedPagesLeaveTheProcessAtOnce) {
  constexpr std::size_t kBytes = 1 << 20;
  void* const pages = AllocatePages(kBytes);
  ASSERT_NE(pages, nullptr);
  std::memset(pages, 1, kBytes);
  const auto address = reinterpret_cast<std::uintptr_t>(pages);
  ASSERT_TRUE(IsMapped(address));
  FreePages(pages, kBytes);
  EXPECT_FALSE(IsMapped(address));
}

}  // namespace
}  // namespace joblib::native
