// Channel: the memory that one worker process and this one share, and the words
// in it. Both sides include this page and nothing else of each other.
//
//   header | request ring | result ring | request arena | result arena
//
// Frames go through the rings, in order; a payload that is too large for one
// lies in an arena, memory without pages until it is used, and its frame says
// where. A worker answers each request frame with one final frame, so that the
// room of a request is free once its answer was read.
//
// Requests have numbers (modulo 2^31), which one word speaks of:
//
//   claim = asleep:1 | limit:31 | 0:1 | next:31
//
// The owner writes frames, then raises `limit`; the worker claims by next + 1;
// the owner takes unstarted ones back by a lower limit. `asleep` is in the word
// that the worker sleeps on: in a word of its own it would lose wake-ups (a
// waker that is slow between reading and clearing it clears the flag of the
// next sleep).
//
// Who may write which word: see the struct. A worker gone wild may write them
// all: every length and offset is checked by its reader.
//
// Source of the design and its figures:
// tests/benchmarks/process_dispatch_benchmark.cc.
#ifndef JOBLIB_BACKENDS_PROCESS_CHANNEL_H_
#define JOBLIB_BACKENDS_PROCESS_CHANNEL_H_

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "absl/status/statusor.h"
#include "joblib/backends/process/result_words.h"
#include "native/shared_memory.h"

namespace joblib::internal {

inline constexpr std::uint64_t kChannelMagic =
    0x316b726f772d626a;  // "jb-work1"
inline constexpr std::uint32_t kProtocolVersion = 2;

inline constexpr std::uint32_t kRingBytes = 256 << 10;
// A larger payload goes through the arena: three of them fit a ring.
inline constexpr std::uint32_t kMaxInline = 64 << 10;
// What of an arena keeps its pages between uses.
inline constexpr std::uint64_t kWarmArenaBytes = 8 << 20;

// ------------------------------------------------------------ the claim word

inline constexpr std::uint32_t kSeqMask = 0x7fffffff;
inline constexpr std::uint64_t kAsleep = std::uint64_t{1} << 63;

inline std::uint32_t NextOf(std::uint64_t claim) {
  return static_cast<std::uint32_t>(claim) & kSeqMask;
}
inline std::uint32_t LimitOf(std::uint64_t claim) {
  return static_cast<std::uint32_t>(claim >> 32) & kSeqMask;
}
inline std::uint32_t UnclaimedOf(std::uint64_t claim) {
  return (LimitOf(claim) - NextOf(claim)) & kSeqMask;
}
inline std::uint64_t MakeClaim(std::uint32_t next, std::uint32_t limit) {
  return std::uint64_t{limit & kSeqMask} << 32 | (next & kSeqMask);
}

// ------------------------------------------------- the clock of a timed task

// (number of the request, state): the worker goes from kEnded to kRunning to
// kEnded, whoever finds it late from kRunning to kCondemned. So a task that
// ends at its limit is either late or not, on both sides, and its successor
// never dies in its place.
enum class TaskClock : std::uint64_t {
  kEnded = 0,
  kRunning = 1,
  kCondemned = 2
};
inline std::uint64_t ClockWord(std::uint32_t seq, TaskClock state) {
  return std::uint64_t{seq & kSeqMask} << 2 | static_cast<std::uint64_t>(state);
}

// ---------------------------------------------------------------- the header

inline constexpr std::uint32_t kCrashBytes = 2048;

struct ChannelHeader {
  // Constant once the worker is started.
  std::uint64_t magic;
  std::uint32_t version;
  std::uint32_t depth;  // Of worker processes below one another.
  std::uint64_t nonce;
  std::uint64_t arena_bytes;  // Of each of the two.
  std::uint32_t begin;        // Of both rings: where the first frame lies.
  // The process that exchanges it for 1 serves, no other one.
  std::atomic<std::uint32_t> claimed;

  alignas(64) std::atomic<std::uint64_t> claim;  // Both, by CAS.

  alignas(64) std::atomic<std::uint32_t> head;  // Worker: result bytes written.
  std::atomic<std::uint32_t> running;  // Worker: 1 + the request begun last.
  std::atomic<std::uint32_t> ready;    // Worker: 1 once it serves.

  alignas(64) std::atomic<std::uint32_t> tail;  // Owner: result bytes read.
  std::atomic<std::uint64_t> arena_read;  // Owner: result arena read up to.

  // Read for each task, so apart from what is written for each.
  alignas(64) std::atomic<std::uint32_t> bell;  // Owner: whose to ring.
  std::atomic<std::uint32_t> ring_at;  // Owner: ring when this few are left.
  std::atomic<std::uint32_t> stop;     // Owner: the running task is to end.

  alignas(64) std::atomic<std::uint32_t> full;  // Worker sleeps on `tail`.

  alignas(64) std::atomic<std::uint64_t> task_clock;  // TaskClock
  std::atomic<std::int64_t> task_started;  // Worker: ns of the steady clock.

  // Owner sets bits, worker takes them.
  alignas(64) ResultWords results;

  // Worker: what its crash handler could still say.
  alignas(64) std::atomic<std::uint32_t> crash_used;
  char crash_text[kCrashBytes];
};
static_assert(std::atomic<std::uint64_t>::is_always_lock_free);
static_assert(std::atomic<std::uint32_t>::is_always_lock_free);

inline constexpr std::size_t kHeaderBytes = 4096;
static_assert(sizeof(ChannelHeader) <= kHeaderBytes);

// ---------------------------------------------------------------- the frames

enum class RequestKind : std::uint16_t {
  kCall = 1,    // CallHeader, then text: what the tasks after it belong to.
  kTask = 2,    // An encoded call.
  kModule = 3,  // A shared object that tasks after it need.
  kShared = 4,  // A value for many tasks: its descriptor is on the socket.
  kForget = 5,  // Such values are not needed any more.
  kInitializer = 6,  // A call to run once.
  kLeave = 7,        // Flush and end.
  kArray = 8,        // As kShared, for an array.
};
enum class ReplyKind : std::uint16_t {
  kDone = 1,     // Final; an encoded result (kTask) or nothing.
  kFailed = 2,   // Final; an encoded exception.
  kWarning = 3,  // A warning's category and text; the final one follows.
};
inline constexpr std::uint16_t kInArena = 1;  // Payload: ArenaSpan.
inline constexpr std::uint16_t kTimed = 2;    // Reply: TaskTimes come first.
inline constexpr std::uint16_t kFlush = 4;    // Request: flush stdout after it.
// Reply: above this many bits is the number of its ResultArrays.
inline constexpr int kArraysShift = 8;

struct Frame {  // At a multiple of 8; the payload follows.
  std::uint32_t bytes;
  std::uint16_t kind;
  std::uint16_t flags;
};
static_assert(sizeof(Frame) == 8);

struct ArenaSpan {
  std::uint64_t offset, bytes;
  std::uint64_t end;  // Where its writer's arena ends with it, in all.
};
struct TaskTimes {
  std::int64_t start, end;  // ns of the steady clock.
};

// What a frame takes of a ring.
inline std::uint32_t FrameRoom(std::uint32_t payload) {
  return (static_cast<std::uint32_t>(sizeof(Frame)) + payload + 7) & ~7U;
}

// ------------------------------------------------------------------- the map

class Channel {
 public:
  Channel() = default;
  // A fresh one. Errors: RESOURCE_EXHAUSTED.
  static absl::StatusOr<Channel> Create(std::uint64_t nonce,
                                        std::uint32_t depth);
  // The one of that descriptor. Errors: FAILED_PRECONDITION: it is none of
  // ours, of this version, with this nonce.
  static absl::StatusOr<Channel> Open(int fd, std::uint64_t nonce);

  bool is_open() const { return rings_.data() != nullptr; }
  int fd() const { return memory_.fd(); }
  ChannelHeader& header() const {
    return *reinterpret_cast<ChannelHeader*>(rings_.data());
  }
  // A frame that begins at byte `position` (modulo 2^32) of the ring: in one
  // piece, wherever it is.
  std::byte* request(std::uint32_t position) const {
    return rings_.data() + kHeaderBytes + position % kRingBytes;
  }
  std::byte* result(std::uint32_t position) const {
    return rings_.data() + kHeaderBytes + 2 * kRingBytes +
           position % kRingBytes;
  }
  std::byte* request_arena() const { return arenas_.data(); }
  std::byte* result_arena() const { return arenas_.data() + arena_bytes_; }
  std::uint64_t arena_bytes() const { return arena_bytes_; }
  // The owner: the spans' pages above the warm part go back to the system.
  void DiscardRequest(const ArenaSpan& span) const { Discard(span, 0); }
  void DiscardResult(const ArenaSpan& span) const {
    Discard(span, arena_bytes_);
  }

 private:
  static absl::StatusOr<Channel> Map(native::SharedMemory memory);
  void Discard(const ArenaSpan& span, std::uint64_t arena) const;

  native::SharedMemory memory_;
  native::Mapping rings_;  // The header, then each ring twice in a row.
  native::Mapping arenas_;
  std::uint64_t arena_bytes_ = 0;
};

// Where the next payload goes in an arena that is written and read in order.
// Positions count all bytes ever, so that "how far was it read" is one number.
class ArenaCursor {
 public:
  explicit ArenaCursor(std::uint64_t arena_bytes = 0) : size_(arena_bytes) {}

  std::uint64_t written() const { return written_; }
  // Goes back to a former written().
  void Rewind(std::uint64_t written) { written_ = written; }
  // Begins a payload where there are at least `bytes` in one piece, given how
  // far the other side has read. False: not now; never, if `read` is
  // written().
  bool Begin(std::uint64_t read, std::uint64_t bytes);
  // Of the begun payload: where it is, and up to what size it may grow there.
  std::uint64_t offset() const { return begun_ % size_; }
  std::uint64_t capacity() const { return capacity_; }
  // The begun payload has `bytes` bytes.
  ArenaSpan End(std::uint64_t bytes);

 private:
  std::uint64_t size_;
  std::uint64_t written_ = 0, begun_ = 0, capacity_ = 0;
};

}  // namespace joblib::internal

#endif  // JOBLIB_BACKENDS_PROCESS_CHANNEL_H_
