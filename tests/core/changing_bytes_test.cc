// A worker gone wild writes into memory while the caller reads its results.
#include <atomic>
#include <cstdint>
#include <exception>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <variant>
#include <vector>

#include "gtest/gtest.h"
#include "joblib/core/archive.h"
#include "tests/testing/encoded.h"

namespace joblib::internal {
namespace {

TEST(ChangingBytesTest, AreReadAsSomeValueOrRefused) {
  using Value =
      std::map<std::string, std::vector<std::variant<int, std::string>>>;
  const Value value = {{"a", {1, "text", 2}}, {"b", {}}, {"c", {"x"}}};
  const std::string valid = joblib::testing::Encoded(value);
  const auto bytes = std::make_unique<char[]>(valid.size());
  valid.copy(bytes.get(), valid.size());
  std::atomic<bool> over{false};
  std::thread writer([&] {
    std::uint32_t random = 1;
    volatile char* const memory = bytes.get();
    while (!over.load(std::memory_order_relaxed)) {
      random = random * 1664525 + 1013904223;
      const std::size_t i = (random >> 8) % valid.size();
      memory[i] = static_cast<char>(random >> 24);
      // Mostly valid, so that reading gets far.
      memory[i] = valid[i];
    }
  });
  int n_read = 0, n_refused = 0;
  for (int i = 0; i < 20000; ++i) {
    try {
      ByteReader in(bytes.get(), valid.size());
      InArchive archive(in);
      Value read;
      archive(read);
      ++n_read;
    } catch (const std::exception&) {
      ++n_refused;
    }
  }
  over.store(true);
  writer.join();
  EXPECT_GT(n_read, 0);
  EXPECT_EQ(n_read + n_refused, 20000);
}

}  // namespace
}  // namespace joblib::internal
