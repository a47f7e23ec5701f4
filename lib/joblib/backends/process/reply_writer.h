// ReplyWriter: the answer to a request, written where the parent reads it: into
// the result ring or, where that is too small, into the result arena.
//
//   reply.Begin();                  // May wait for the parent to read.
//   run(in, reply.writer());        // Or reply.Fail(error).
//   reply.HandOverArrays();
//   reply.Publish();
//
// A child that a task forked and that returns into the worker ends in the first
// of these calls: the answer is that of one process.
//
// Thread-safety: the worker's one thread.
#ifndef JOBLIB_BACKENDS_PROCESS_REPLY_WRITER_H_
#define JOBLIB_BACKENDS_PROCESS_REPLY_WRITER_H_

#include <cstdint>
#include <exception>
#include <optional>
#include <vector>

#include "joblib/backends/process/bells.h"
#include "joblib/backends/process/channel.h"
#include "joblib/backends/process/result_arrays.h"
#include "joblib/core/byte_writer.h"
#include "joblib/core/warning.h"
#include "native/descriptor_socket.h"
#include "native/fork_mark.h"

namespace joblib::internal {

class ReplyWriter final : public ByteSink {
 public:
  ReplyWriter(const Channel& channel, const BellPage& bells,
              const native::DescriptorSocket& socket, ResultPool* pool)
      : channel_(channel),
        bells_(bells),
        socket_(socket),
        arrays_(pool),
        head_(channel.header().begin),
        tail_(head_) {}

  void Begin();
  ByteWriter& writer() { return *writer_; }
  // The answer is this error, whatever was written.
  void Fail(const std::exception_ptr& error);
  // Of the answers to come; unset: none.
  void HandOverAbove(std::optional<std::uint64_t> bytes) {
    arrays_.HandOverAbove(bytes);
  }
  // Sends the memory of the answer's arrays, once the result itself is gone;
  // may wait for the parent to read. Fails the answer if they can't be sent.
  void HandOverArrays();
  // Overwrites the TaskTimes that the answer begins with, or puts them there.
  void SetTimes(const TaskTimes& times);
  // Answers that come before this one.
  void PutBefore(const std::vector<Warning>& warnings);
  void Publish();
  // Wakes the parent if it sleeps.
  void Ring();

 private:
  std::byte* Grow(std::byte* begin, std::size_t used, std::size_t needed,
                  std::byte** end) override;
  void BeforeResult() override { mark_.EndIfForked(); }
  // Arrays that the parent knows go back by their numbers, large ones by their
  // memory.
  bool ShareArray(const std::shared_ptr<ArrayMemory>& memory,
                  const ArrayPiece& piece, ArrayRef* ref) override;
  std::byte* Payload() const { return channel_.result(head_) + sizeof(Frame); }
  void WaitForRoom();
  void WaitForReader();
  void WriteFrame(std::uint32_t bytes, ReplyKind kind, std::uint16_t flags);

  const Channel& channel_;
  const BellPage& bells_;
  const native::DescriptorSocket& socket_;
  const native::ForkMark mark_;
  OutgoingArrays arrays_;
  std::uint32_t head_;  // Bytes of the ring written, in all.
  std::uint32_t tail_;  // How many of them were read, when last looked.
  std::optional<ByteWriter> writer_;
  ReplyKind kind_ = ReplyKind::kDone;
  std::uint16_t flags_ = 0;
  std::optional<ArenaCursor> arena_;
  bool in_arena_ = false;
};

}  // namespace joblib::internal

#endif  // JOBLIB_BACKENDS_PROCESS_REPLY_WRITER_H_
