// A worker takes the channel that it was started for, and no other memory.
#include "joblib/backends/process/channel.h"

#include <fcntl.h>

#include <cstddef>
#include <cstdint>
#include <utility>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "native/shared_memory.h"

namespace joblib::internal {
namespace {

using ::testing::HasSubstr;

constexpr std::uint64_t kNonce = 0x1234567890abcdef;

Channel Create() {
  absl::StatusOr<Channel> channel = Channel::Create(kNonce, /*depth=*/3);
  EXPECT_TRUE(channel.ok()) << channel.status();
  return *std::move(channel);
}

// As a worker does with what it inherited: by a descriptor of its own.
absl::StatusOr<Channel> Open(int fd, std::uint64_t nonce = kNonce) {
  return Channel::Open(fcntl(fd, F_DUPFD_CLOEXEC, 3), nonce);
}

void ExpectRefused(const absl::StatusOr<Channel>& opened) {
  EXPECT_EQ(opened.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(opened.status().message(),
              HasSubstr("is not one of this version of joblib"));
}

TEST(ChannelTest, IsOpenedByItsNonce) {
  const Channel channel = Create();
  const auto opened = Open(channel.fd());
  ASSERT_TRUE(opened.ok()) << opened.status();
  EXPECT_EQ(opened->header().depth, 3u);
  channel.header().crash_text[0] = 'x';
  EXPECT_EQ(opened->header().crash_text[0], 'x');
}

TEST(ChannelTest, AnotherNonceIsRefused) {
  const Channel channel = Create();
  ExpectRefused(Open(channel.fd(), kNonce + 1));
}

TEST(ChannelTest, AnotherVersionIsRefused) {
  const Channel channel = Create();
  channel.header().version = kProtocolVersion + 1;
  ExpectRefused(Open(channel.fd()));
}

TEST(ChannelTest, AnotherMagicIsRefused) {
  const Channel channel = Create();
  channel.header().magic ^= 1;
  ExpectRefused(Open(channel.fd()));
}

TEST(ChannelTest, AnotherSizeIsRefused) {
  const Channel channel = Create();
  channel.header().arena_bytes += 4096;
  ExpectRefused(Open(channel.fd()));
  for (const std::size_t bytes : {4096, 1 << 20}) {
    const auto memory = native::SharedMemory::Create("small", bytes);
    ASSERT_TRUE(memory.ok());
    ExpectRefused(Open(memory->fd()));
  }
}

}  // namespace
}  // namespace joblib::internal
