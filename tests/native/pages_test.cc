#include "native/pages.h"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>

#include "gtest/gtest.h"

namespace joblib::native {
namespace {

TEST(PagesTest, CanBeWrittenToTheLastByte) {
  for (const std::size_t bytes : {1, 63, 64, 4096, 4097, 1 << 20}) {
    void* const pages = AllocatePages(bytes);
    ASSERT_NE(pages, nullptr);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(pages) % 64, 0);
    std::memset(pages, 0x77, bytes);
    FreePages(pages, bytes);
  }
}

TEST(PagesTest, TooMuchIsNull) {
  EXPECT_EQ(AllocatePages(std::numeric_limits<std::size_t>::max()), nullptr);
  EXPECT_EQ(AllocatePages(std::numeric_limits<std::size_t>::max() / 2 + 2),
            nullptr);
}

TEST(PagesTest, NullNeedsNoFreeing) { FreePages(nullptr, 4096); }

}  // namespace
}  // namespace joblib::native
