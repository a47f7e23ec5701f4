// Bytes that were cut short or changed anywhere: refused, or some other value,
// but never more memory than they could have meant.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <new>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

#include "gtest/gtest.h"
#include "joblib/core/archive.h"
#include "joblib/core/exception_codec.h"
#include "tests/testing/encoded.h"

namespace {

thread_local std::size_t allocated = 0;

void* Allocate(std::size_t n) {
  allocated += n;
  if (void* const memory = std::malloc(n == 0 ? 1 : n)) return memory;
  throw std::bad_alloc();
}

}  // namespace

void* operator new(std::size_t n) { return Allocate(n); }
void* operator new[](std::size_t n) { return Allocate(n); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t) noexcept {
  std::free(memory);
}

namespace joblib::internal {
namespace {

using joblib::testing::Decoded;
using joblib::testing::Encoded;

// Of which a byte can make one at most, and what an error takes.
constexpr std::size_t kMaxPerByte = 1024;
constexpr std::size_t kMaxAtLeast = 8192;

void ExpectBounded(const std::function<void(std::string_view)>& decode,
                   std::string_view bytes, const std::string& change) {
  const std::string shown = change;  // Before it is counted.
  allocated = 0;
  try {
    decode(bytes);
  } catch (const std::exception&) {
  }
  ASSERT_LE(allocated, kMaxAtLeast + kMaxPerByte * bytes.size()) << shown;
}

void ExpectBoundedForAllChanges(
    const std::string& valid,
    const std::function<void(std::string_view)>& decode) {
  decode(valid);
  for (std::size_t n = 0; n < valid.size(); ++n) {
    // On the heap, so that asan sees a read beyond it.
    const auto prefix = std::make_unique<char[]>(n + 1);
    std::copy_n(valid.data(), n, prefix.get());
    ExpectBounded(decode, {prefix.get(), n}, "prefix " + std::to_string(n));
  }
  for (std::size_t i = 0; i < valid.size(); ++i) {
    for (const int bits : {0x01, 0x80, 0xff, 0x02, 0x40}) {
      std::string changed = valid;
      changed[i] = static_cast<char>(changed[i] ^ bits);
      ExpectBounded(decode, changed, "byte " + std::to_string(i));
    }
    // Sizes are 8 bytes: the largest ones.
    if (i + 8 > valid.size()) continue;
    for (const std::uint64_t size :
         {~std::uint64_t{0}, std::uint64_t{1} << 61, std::uint64_t{1} << 32,
          std::uint64_t{valid.size()}}) {
      std::string changed = valid;
      std::copy_n(reinterpret_cast<const char*>(&size), 8, &changed[i]);
      ExpectBounded(decode, changed, "size at " + std::to_string(i));
    }
  }
}

template <class T>
void ExpectBoundedFor(const T& value) {
  ExpectBoundedForAllChanges(Encoded(value),
                             [](std::string_view bytes) { Decoded<T>(bytes); });
}

struct Nothing {};
struct Big {
  double values[100] = {};
  template <class Archive>
  void serialize(Archive& archive) {
    for (double& value : values) archive(value);
  }
};
struct Tree {
  std::string name;
  std::vector<Tree> children;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(name, children);
  }
};

TEST(HostileBytesTest, Containers) {
  ExpectBoundedFor(std::string("some text"));
  ExpectBoundedFor(std::vector<double>{1, 2, 3});
  ExpectBoundedFor(std::vector<bool>{true, false});
  ExpectBoundedFor(std::vector<std::string>{"a", "bcd", ""});
  ExpectBoundedFor(std::vector<Nothing>(5));
  ExpectBoundedFor(std::list<std::vector<int>>{{1, 2}, {}, {3}});
  ExpectBoundedFor(std::map<std::string, std::vector<int>>{{"a", {1}}});
  ExpectBoundedFor(std::unordered_map<int, std::string>{{1, "a"}, {2, "b"}});
  ExpectBoundedFor(std::multiset<std::string>{"a", "b"});
}

TEST(HostileBytesTest, LargeElements) {
  ExpectBoundedFor(std::vector<Big>(2));
  ExpectBoundedFor(std::map<int, Big>{{1, {}}});
}

TEST(HostileBytesTest, OneOfSeveral) {
  using Value = std::variant<int, std::string, std::optional<std::string>>;
  ExpectBoundedFor(std::vector<Value>{Value(1), Value(std::string("a")),
                                      Value(std::optional<std::string>("b"))});
}

TEST(HostileBytesTest, Pointers) {
  const auto text = std::make_shared<std::string>("text");
  ExpectBoundedFor(std::vector<std::shared_ptr<std::string>>{text, text});
  ExpectBoundedFor(std::pair(std::make_shared<int>(3), text));
}

TEST(HostileBytesTest, Trees) {
  Tree tree{"root", {{"left", {}}, {"right", {{"leaf", {}}}}}};
  ExpectBoundedFor(tree);
}

TEST(HostileBytesTest, Exceptions) {
  std::exception_ptr error;
  try {
    try {
      throw std::system_error(std::make_error_code(std::errc::io_error), "in");
    } catch (...) {
      std::throw_with_nested(std::out_of_range("out"));
    }
  } catch (...) {
    error = std::current_exception();
  }
  HeapBytes bytes;
  EncodeException(error, bytes.writer());
  ExpectBoundedForAllChanges(bytes.Text(), [](std::string_view changed) {
    ByteReader in(changed.data(), changed.size());
    EXPECT_NE(DecodeException(in, TaskFailure(0, 1, 1)), nullptr);
  });
}

}  // namespace
}  // namespace joblib::internal
