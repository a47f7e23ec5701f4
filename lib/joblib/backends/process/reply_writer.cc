#include "joblib/backends/process/reply_writer.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "joblib/core/array_memory.h"
#include "joblib/core/errors.h"
#include "joblib/core/exception_codec.h"
#include "native/shared_futex.h"

namespace joblib::internal {
namespace {

// The parent rings whoever waits; should that be lost, it is looked again.
constexpr std::chrono::milliseconds kLookAgain{100};
constexpr std::size_t kMaxWarningText = 4096;

}  // namespace

void ReplyWriter::Begin() {
  if (!arena_.has_value()) arena_.emplace(channel_.arena_bytes());
  WaitForRoom();
  kind_ = ReplyKind::kDone;
  flags_ = 0;
  in_arena_ = false;
  arrays_.Clear();
  writer_.emplace(this, Payload(), Payload() + kMaxInline);
}

void ReplyWriter::WaitForRoom() {
  constexpr std::uint32_t kRoom = sizeof(Frame) + kMaxInline;
  const ChannelHeader& header = channel_.header();
  if (head_ + kRoom - tail_ <= kRingBytes) return;
  for (;;) {
    tail_ = header.tail.load(std::memory_order_acquire);
    if (head_ + kRoom - tail_ <= kRingBytes) return;
    WaitForReader();
  }
}

void ReplyWriter::WaitForReader() {
  ChannelHeader& header = channel_.header();
  const std::uint32_t tail = header.tail.load(std::memory_order_seq_cst);
  header.full.store(1, std::memory_order_seq_cst);
  bells_.at(header.bell.load(std::memory_order_relaxed)).Ring(true);
  if (header.tail.load(std::memory_order_seq_cst) == tail) {
    native::SharedFutexWait(header.tail, tail, kLookAgain);
  }
  header.full.store(0, std::memory_order_seq_cst);
}

std::byte* ReplyWriter::Grow(std::byte* begin, std::size_t used,
                             std::size_t needed, std::byte** end) {
  const ChannelHeader& header = channel_.header();
  const auto read = [&] {
    return header.arena_read.load(std::memory_order_acquire);
  };
  // What is under way in the arena already is full: only all of it is more.
  const std::uint64_t wanted = in_arena_ ? channel_.arena_bytes() : needed;
  std::uint64_t seen = read();
  while (!arena_->Begin(seen, wanted)) {
    if (seen == arena_->written()) {
      throw PicklingError(absl::StrCat(
          "The result has more than ", channel_.arena_bytes(),
          " bytes: too many to travel by value. Return a joblib::Array or the "
          "name of a file."));
    }
    WaitForReader();
    seen = read();
  }
  if (arena_->capacity() < needed) {
    throw PicklingError(absl::StrCat(
        "The result has more than ", arena_->capacity(),
        " bytes: too many to travel by value. Return a joblib::Array or the "
        "name of a file."));
  }
  in_arena_ = true;
  std::byte* const there = channel_.result_arena() + arena_->offset();
  if (used > 0) std::memmove(there, begin, used);
  *end = there + arena_->capacity();
  return there;
}

bool ReplyWriter::ShareArray(const std::shared_ptr<ArrayMemory>& memory,
                             const ArrayPiece& piece, ArrayRef* ref) {
  if (memory->known_as == 0) return arrays_.Add(memory, piece, ref);
  *ref = {memory->known_as, /*is_piece=*/false};
  return true;
}

void ReplyWriter::HandOverArrays() {
  mark_.EndIfForked();
  if (arrays_.size() == 0) return arrays_.Clear();
  absl::Status status = arrays_.Settle();
  std::uint16_t sent = 0;
  while (status.ok() && sent < arrays_.size()) {
    // Seen before the try: then it was made with all the room there can be.
    const bool all_read =
        channel_.header().tail.load(std::memory_order_acquire) == head_;
    status = arrays_.Send(socket_, sent);
    if (status.ok()) {
      ++sent;
    } else if (absl::IsUnavailable(status) && !all_read) {
      WaitForReader();
      status = absl::OkStatus();
    }
  }
  if (!status.ok()) {
    Fail(std::make_exception_ptr(PicklingError(
        absl::StrCat("The arrays of the result could not be handed over: ",
                     status.message()))));
  }
  arrays_.Clear();
  // Those that were sent before an error, too: the parent takes them away.
  flags_ |= static_cast<std::uint16_t>(sent << kArraysShift);
}

void ReplyWriter::Fail(const std::exception_ptr& error) {
  mark_.EndIfForked();
  kind_ = ReplyKind::kFailed;
  in_arena_ = false;  // What was begun there is begun anew by the next one.
  arrays_.Clear();
  writer_.emplace(this, Payload(), Payload() + kMaxInline);
  EncodeException(error, *writer_);
}

void ReplyWriter::SetTimes(const TaskTimes& times) {
  flags_ |= kTimed;
  if (kind_ == ReplyKind::kFailed) {
    // The error was written from the begin on: make room.
    const std::size_t size = writer_->size();
    writer_->Put(times);
    std::memmove(writer_->begin() + sizeof times, writer_->begin(), size);
  }
  std::memcpy(writer_->begin(), &times, sizeof times);
}

void ReplyWriter::PutBefore(const std::vector<Warning>& warnings) {
  const std::size_t size = writer_->size();
  const std::string answer =
      in_arena_
          ? std::string()
          : std::string(reinterpret_cast<const char*>(writer_->begin()), size);
  for (const Warning& warning : warnings) {
    ByteWriter text(this, Payload(), Payload() + kMaxInline);
    text.PutText(warning.category.substr(0, kMaxWarningText));
    text.PutText(warning.message.substr(0, kMaxWarningText));
    WriteFrame(static_cast<std::uint32_t>(text.size()), ReplyKind::kWarning, 0);
    WaitForRoom();
  }
  if (in_arena_) return;
  writer_.emplace(this, Payload(), Payload() + kMaxInline);
  writer_->Write(answer.data(), answer.size());
}

void ReplyWriter::Publish() {
  std::uint32_t bytes;
  if (in_arena_) {
    const ArenaSpan span = arena_->End(writer_->size());
    std::memcpy(Payload(), &span, sizeof span);
    flags_ |= kInArena;
    bytes = sizeof span;
  } else {
    bytes = static_cast<std::uint32_t>(writer_->size());
  }
  WriteFrame(bytes, kind_, flags_);
}

void ReplyWriter::WriteFrame(std::uint32_t bytes, ReplyKind kind,
                             std::uint16_t flags) {
  const Frame frame = {bytes, static_cast<std::uint16_t>(kind), flags};
  std::memcpy(channel_.result(head_), &frame, sizeof frame);
  head_ += FrameRoom(bytes);
  channel_.header().head.store(head_, std::memory_order_release);
}

void ReplyWriter::Ring() {
  ChannelHeader& header = channel_.header();
  // seq_cst: what was published comes before the look at the bell.
  header.head.exchange(head_, std::memory_order_seq_cst);
  bells_.at(header.bell.load(std::memory_order_relaxed)).Ring(false);
}

}  // namespace joblib::internal
