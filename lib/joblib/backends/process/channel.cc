#include "joblib/backends/process/channel.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <new>
#include <utility>

#include "absl/status/status.h"

namespace joblib::internal {
namespace {

// The largest payloads; less where the address space is limited (RLIMIT_AS) or
// files are (RLIMIT_FSIZE).
constexpr std::uint64_t kArenaSizes[] = {
    std::uint64_t{8} << 30, std::uint64_t{1} << 30, std::uint64_t{64} << 20,
    std::uint64_t{4} << 20};
constexpr std::size_t kRingsEnd = kHeaderBytes + 2 * std::size_t{kRingBytes};

constexpr std::uint64_t TotalBytes(std::uint64_t arena_bytes) {
  return kRingsEnd + 2 * arena_bytes;
}

}  // namespace

absl::StatusOr<Channel> Channel::Map(native::SharedMemory memory) {
  Channel channel;
  channel.arena_bytes_ = (memory.bytes() - kRingsEnd) / 2;
  const std::array<native::Mapping::Piece, 5> pieces = {{
      {0, kHeaderBytes},
      {kHeaderBytes, kRingBytes},
      {kHeaderBytes, kRingBytes},
      {kHeaderBytes + kRingBytes, kRingBytes},
      {kHeaderBytes + kRingBytes, kRingBytes},
  }};
  absl::StatusOr<native::Mapping> rings =
      native::Mapping::MapPieces(memory, pieces.data(), pieces.size());
  if (!rings.ok()) return rings.status();
  const native::Mapping::Piece both = {kRingsEnd, 2 * channel.arena_bytes_};
  absl::StatusOr<native::Mapping> arenas =
      native::Mapping::MapPieces(memory, &both, 1);
  if (!arenas.ok()) return arenas.status();
  channel.memory_ = std::move(memory);
  channel.rings_ = *std::move(rings);
  channel.arenas_ = *std::move(arenas);
  return channel;
}

absl::StatusOr<Channel> Channel::Create(std::uint64_t nonce,
                                        std::uint32_t depth) {
  absl::Status error;
  for (const std::uint64_t arena_bytes : kArenaSizes) {
    absl::StatusOr<native::SharedMemory> memory =
        native::SharedMemory::Create("joblib-channel", TotalBytes(arena_bytes));
    if (memory.ok()) {
      error = memory->Reserve(0, kRingsEnd);
      if (!error.ok()) return error;
      absl::StatusOr<Channel> channel = Map(*std::move(memory));
      if (channel.ok()) {
        auto* const header = ::new (&channel->header()) ChannelHeader();
        header->magic = kChannelMagic;
        header->version = kProtocolVersion;
        header->nonce = nonce;
        header->depth = depth;
        header->arena_bytes = arena_bytes;
        return channel;
      }
      error = channel.status();
    } else {
      error = memory.status();
    }
  }
  return error;
}

absl::StatusOr<Channel> Channel::Open(int fd, std::uint64_t nonce) {
  absl::StatusOr<native::SharedMemory> memory =
      native::SharedMemory::Adopt(fd, /*bytes=*/0);
  if (!memory.ok()) return memory.status();
  const absl::Status refused = absl::FailedPreconditionError(
      "the inherited channel is not one of this version of joblib");
  if (memory->bytes() < TotalBytes(kArenaSizes[std::size(kArenaSizes) - 1])) {
    return refused;
  }
  absl::StatusOr<Channel> channel = Map(*std::move(memory));
  if (!channel.ok()) return channel.status();
  const ChannelHeader& header = channel->header();
  if (header.magic != kChannelMagic || header.version != kProtocolVersion ||
      header.nonce != nonce || header.arena_bytes != channel->arena_bytes()) {
    return refused;
  }
  return channel;
}

void Channel::Discard(const ArenaSpan& span, std::uint64_t arena) const {
  const std::uint64_t end = std::min(span.offset + span.bytes, arena_bytes_);
  const std::uint64_t begin = std::max(span.offset, kWarmArenaBytes);
  if (begin < end) memory_.Discard(kRingsEnd + arena + begin, end - begin);
}

bool ArenaCursor::Begin(std::uint64_t read, std::uint64_t bytes) {
  const std::uint64_t unread = written_ - read;
  if (unread > size_) return false;
  // Nothing in it: begin at its begin, where the pages are warm.
  std::uint64_t begin = written_;
  if (unread == 0) begin += (size_ - begin % size_) % size_;
  std::uint64_t room = std::min(size_ - begin % size_, size_ - (begin - read));
  if (unread == 0) room = size_;
  if (room < bytes && unread != 0) {
    // Behind its end: at its begin, if that was read.
    const std::uint64_t skip = size_ - begin % size_;
    if (unread + skip >= size_) return false;
    begin += skip;
    room = size_ - (begin - read);
  }
  if (room < bytes) return false;
  begun_ = begin;
  capacity_ = room;
  return true;
}

ArenaSpan ArenaCursor::End(std::uint64_t bytes) {
  written_ = begun_ + ((bytes + 63) & ~std::uint64_t{63});
  if (bytes + 63 > capacity_) written_ = begun_ + capacity_;
  return {begun_ % size_, bytes, written_};
}

}  // namespace joblib::internal
