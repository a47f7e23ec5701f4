#include "joblib/core/byte_reader.h"

#include <cstdint>
#include <limits>
#include <string>

#include "gtest/gtest.h"
#include "joblib/core/byte_writer.h"

namespace joblib::internal {
namespace {

TEST(ByteReaderTest, ReadsWhatWasWritten) {
  HeapBytes bytes;
  bytes.writer().Put(std::int32_t{-7});
  bytes.writer().PutText("text");
  bytes.writer().PutText("");
  bytes.writer().Put(2.5);
  ByteReader in(bytes.data(), bytes.size());
  EXPECT_EQ(in.Get<std::int32_t>(), -7);
  EXPECT_EQ(in.GetText(), "text");
  EXPECT_EQ(in.GetText(), "");
  EXPECT_EQ(in.Get<double>(), 2.5);
  EXPECT_EQ(in.left(), 0u);
}

TEST(ByteReaderTest, MoreThanIsLeftIsRefusedAndNothingIsRead) {
  ByteReader in("abc", 3);
  EXPECT_THROW(in.Get<std::uint32_t>(), DecodeError);
  EXPECT_THROW(in.Take(4), DecodeError);
  EXPECT_THROW(in.Take(std::numeric_limits<std::size_t>::max()), DecodeError);
  EXPECT_EQ(in.left(), 3u);
  EXPECT_EQ(*in.Take(3), std::byte{'a'});
}

TEST(ByteReaderTest, ACountThatTheBytesCantHoldIsRefused) {
  HeapBytes bytes;
  bytes.writer().Put(std::uint64_t{3});
  bytes.writer().Write("123456789", 9);
  const auto count = [&](std::size_t element_bytes) {
    ByteReader in(bytes.data(), bytes.size());
    return in.GetCount(element_bytes);
  };
  EXPECT_EQ(count(1), 3u);
  EXPECT_EQ(count(3), 3u);
  EXPECT_THROW(count(4), DecodeError);
  EXPECT_THROW(count(std::numeric_limits<std::size_t>::max()), DecodeError);
}

TEST(ByteReaderTest, AnEndlessTextIsRefused) {
  HeapBytes bytes;
  bytes.writer().Put(std::numeric_limits<std::uint64_t>::max());
  ByteReader in(bytes.data(), bytes.size());
  EXPECT_THROW(in.GetText(), DecodeError);
}

TEST(ByteWriterTest, TruncateForgetsTheEnd) {
  HeapBytes bytes;
  bytes.writer().PutText("kept");
  const std::size_t size = bytes.size();
  bytes.writer().PutText(std::string(5000, 'x'));
  bytes.writer().Truncate(size);
  bytes.writer().PutText("new");
  ByteReader in(bytes.data(), bytes.size());
  EXPECT_EQ(in.GetText(), "kept");
  EXPECT_EQ(in.GetText(), "new");
}

}  // namespace
}  // namespace joblib::internal
