#include "joblib/backends/process/worker_link.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <random>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "joblib/backends/process/code_modules.h"
#include "joblib/backends/process/shared_array.h"
#include "joblib/backends/process/shared_memory_value.h"
#include "joblib/backends/process/shipment.h"
#include "joblib/backends/process/worker_loop.h"
#include "joblib/core/errors.h"
#include "native/code_address.h"
#include "native/shared_futex.h"

namespace joblib::internal {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::uint32_t kInlineRoom = sizeof(Frame) + kMaxInline;

struct {
  std::atomic<std::uint32_t> seq{0}, position{0};
} begin_at;

std::uint64_t NewNonce() {
  std::random_device random;
  return std::uint64_t{random()} << 32 | random();
}

// The arena has no room until more is answered.
struct NoRoomNow {};

}  // namespace

struct WorkerLink::NeedsShared {
  std::shared_ptr<SharedMemoryValue> value;
  std::shared_ptr<SharedArray> array = nullptr;
};

// Writes a request: into the ring, or into the arena once it is too large.
class WorkerLink::RequestSink final : public ByteSink {
 public:
  explicit RequestSink(WorkerLink* link) : link_(*link) {}

  bool in_arena() const { return in_arena_; }
  std::byte* Grow(std::byte* begin, std::size_t used, std::size_t needed,
                  std::byte** end) override {
    const std::uint64_t all = link_.channel_.arena_bytes();
    const bool fits =
        link_.arena_.Begin(link_.arena_answered_, in_arena_ ? all : needed);
    if (!fits || link_.arena_.capacity() < needed) {
      if (!fits && link_.arena_.written() != link_.arena_answered_) {
        throw NoRoomNow();
      }
      throw PicklingError(absl::StrCat(
          "Could not pickle the task to send it to the workers: it has more "
          "than ",
          all, " bytes. Pass a joblib::Array or the name of a file."));
    }
    in_arena_ = true;
    std::byte* const there =
        link_.channel_.request_arena() + link_.arena_.offset();
    if (used > 0) std::memmove(there, begin, used);
    *end = there + link_.arena_.capacity();
    return there;
  }
  std::uint64_t Share(const std::shared_ptr<SharedSlot>& slot,
                      const std::function<void(ByteWriter&)>& encode) override {
    std::shared_ptr<SharedMemoryValue> value = SharedMemoryValue::Of(
        *slot, encode,
        [this](const std::shared_ptr<SharedSlot>& inner,
               const std::function<void(ByteWriter&)>& encode_inner) {
          return Share(inner, encode_inner);
        });
    Require(value);
    return value->number;
  }
  void NoteLarge(const void* bytes, std::size_t n) override {
    if (link_.repeated == nullptr ||
        !link_.repeated->Note(bytes, n, link_.encoded_)) {
      return;
    }
    link_.warnings->push_back(
        {"UserWarning",
         absl::StrCat("The same value of ", n,
                      " bytes was sent with more than ",
                      RepeatedValues::kMaxTimes,
                      " tasks of one call. Pass it as a joblib::Array or a "
                      "joblib::Shared: they reach each worker process once.")});
  }
  bool ShareArray(const std::shared_ptr<ArrayMemory>& memory,
                  const ArrayPiece& piece, ArrayRef* ref) override {
    std::shared_ptr<SharedArray> array =
        SharedArray::Of(memory, piece, *link_.arrays, link_.array_warnings);
    if (array == nullptr) return false;
    *ref = {array->header.number, array->header.is_copy != 0};
    if (link_.shared.count(ref->number) == 0) {
      throw NeedsShared{nullptr, std::move(array)};
    }
    return true;
  }

 private:
  // The worker has it, and before it what is within it.
  void Require(const std::shared_ptr<SharedMemoryValue>& value) {
    if (link_.shared.count(value->number) != 0) return;
    for (const auto& inner : value->inner) Require(inner);
    throw NeedsShared{value};
  }

  WorkerLink& link_;
  bool in_arena_ = false;
};

void WorkerLink::BeginAtForTest(std::uint32_t seq, std::uint32_t position) {
  begin_at.seq.store(seq);
  begin_at.position.store(position);
}

absl::Status WorkerLink::Open() {
  const absl::Status room = native::ChildProcess::HasRoomToStart();
  if (!room.ok()) return room;
  absl::StatusOr<Channel> channel = Channel::Create(
      NewNonce(), static_cast<std::uint32_t>(WorkerDepth()) + 1);
  if (!channel.ok()) return channel.status();
  auto ends = native::DescriptorSocket::Pair();
  if (!ends.ok()) return ends.status();
  channel_ = *std::move(channel);
  sent_seq_ = published_ = begin_at.seq.load();
  written_ = read_ = begin_at.position.load();
  ChannelHeader& header = channel_.header();
  header.claim.store(MakeClaim(sent_seq_, sent_seq_));
  header.begin = written_;
  header.head.store(read_);
  header.tail.store(read_);
  returned_ = std::make_shared<ReturnedResults>(&channel_.header().results);
  socket_ = std::move(ends->first);
  workers_socket = std::move(ends->second);
  arena_ = ArenaCursor(channel_.arena_bytes());
  seen_ended = CountDeadNumbers();  // It will never know those.
  return absl::OkStatus();
}

WorkerLink::~WorkerLink() {
  if (returned_ != nullptr) returned_->Close();
}

std::uint32_t WorkerLink::RingUsed() const {
  return sent_.empty() ? 0 : written_ - sent_.front().position;
}

bool WorkerLink::HasRoomInRing() const {
  return RingUsed() + kInlineRoom <= kRingBytes;
}

bool WorkerLink::Encode(RequestKind kind, std::uint16_t flags,
                        absl::FunctionRef<void(ByteWriter&)> encode) {
  if (!HasRoomInRing()) return false;
  std::byte* const at = channel_.request(written_);
  std::byte* const payload = at + sizeof(Frame);
  RequestSink sink(this);
  ByteWriter writer(&sink, payload, payload + kMaxInline);
  Sent sent;
  sent.kind = kind;
  sent.position = written_;
  sent.arena = arena_.written();
  try {
    encode(writer);
  } catch (const NoRoomNow&) {
    return false;
  }
  Frame frame = {static_cast<std::uint32_t>(writer.size()),
                 static_cast<std::uint16_t>(kind), flags};
  if (sink.in_arena()) {
    const ArenaSpan span = arena_.End(writer.size());
    std::memcpy(payload, &span, sizeof span);
    frame.bytes = sizeof span;
    frame.flags |= kInArena;
  }
  std::memcpy(at, &frame, sizeof frame);
  written_ += FrameRoom(frame.bytes);
  sent_.push_back(sent);
  ++sent_seq_;
  return true;
}

void WorkerLink::UndoLast() {
  written_ = sent_.back().position;
  arena_.Rewind(sent_.back().arena);
  sent_.pop_back();
  --sent_seq_;
}

bool WorkerLink::Knows(std::uint64_t module) const {
  return std::find(modules.begin(), modules.end(), module) != modules.end();
}

bool WorkerLink::SendModule(std::uint64_t id) {
  const absl::StatusOr<native::Module> module = native::FindModule(id);
  // The program itself is there anyway.
  if (module.ok() && !module->path.empty()) {
    const bool sent = Encode(RequestKind::kModule, 0, [&](ByteWriter& out) {
      out.Put(ModuleHeader{id});
      out.PutText(module->path);
      out.PutText(module->version);
    });
    if (!sent) return false;
  }
  modules.push_back(id);
  return true;
}

bool WorkerLink::SendShared(const NeedsShared& needed) {
  if (!HasRoomInRing()) return false;
  if (needed.array != nullptr) {
    const SharedArray& array = *needed.array;
    if (!socket_.Send(array.header.number, array.descriptor).ok()) return false;
    return EncodeShared(RequestKind::kArray, array.header.number,
                        [&](ByteWriter& out) {
                          out.Put(array.header);
                          out.PutText(array.filename);
                        });
  }
  const SharedMemoryValue& value = *needed.value;
  const absl::Status sent = socket_.Send(value.number, value.memory.fd());
  // Full: the worker empties it as it goes on. Gone: it is dead, as the keeper
  // is about to say.
  if (!sent.ok()) return false;
  return EncodeShared(RequestKind::kShared, value.number, [&](ByteWriter& out) {
    out.Put(SharedHeader{value.number, value.bytes});
  });
}

bool WorkerLink::EncodeShared(RequestKind kind, std::uint64_t number,
                              absl::FunctionRef<void(ByteWriter&)> encode) {
  shared.insert(number);
  if (!Encode(kind, 0, encode)) return false;
  sent_.back().shared = number;
  return true;
}

bool WorkerLink::SendTask(Shipment& shipment, std::uint32_t index, bool flush) {
  encoded_ = shipment.TaskNumber(index);
  for (;;) {
    try {
      CodeModules::Noted noted;
      const bool sent =
          Encode(RequestKind::kTask, flush ? kFlush : 0, [&](ByteWriter& out) {
            if (shipment.by_pointer) {
              out.Put(ForkedTask{shipment.state->block, index});
            } else {
              shipment.state->block->Encode(index, out);
            }
          });
      if (!sent) return false;
      sent_.back().shipment = &shipment;
      sent_.back().index = index;
      bool again = false;
      for (const std::uint64_t module : noted.modules()) {
        if (Knows(module)) continue;
        // It has to be there before the task.
        if (!std::exchange(again, true)) UndoLast();
        if (!SendModule(module)) return false;
      }
      if (!again) return true;
    } catch (const NeedsShared& needed) {
      if (!SendShared(needed)) return false;
    }
  }
}

bool WorkerLink::SendCode(
    RequestKind kind, const ShippedRunner& runner,
    absl::FunctionRef<void(ByteWriter&, CodeRef)> encode) {
  CodeModules::Noted noted;
  const CodeRef code = RefOf(runner);
  // Its own module, and those of what it is called with.
  for (;;) {
    for (const std::uint64_t module : noted.modules()) {
      if (!Knows(module) && !SendModule(module)) return false;
    }
    try {
      const std::size_t known = noted.modules().size();
      if (!Encode(kind, 0, [&](ByteWriter& out) { encode(out, code); })) {
        return false;
      }
      if (noted.modules().size() == known) return true;
      UndoLast();
    } catch (const NeedsShared& needed) {
      if (!SendShared(needed)) return false;
    }
  }
}

bool WorkerLink::SendControl(RequestKind kind,
                             absl::FunctionRef<void(ByteWriter&)> encode) {
  return Encode(kind, 0, encode);
}

void WorkerLink::Publish() {
  if (published_ == sent_seq_) return;
  std::atomic<std::uint64_t>& claim = channel_.header().claim;
  std::uint64_t seen = claim.load(std::memory_order_relaxed);
  while (!claim.compare_exchange_weak(seen, MakeClaim(NextOf(seen), sent_seq_),
                                      std::memory_order_seq_cst)) {
  }
  published_ = sent_seq_;
  if ((seen & kAsleep) != 0) native::SharedFutexWakeUpper(claim, 1);
}

void WorkerLink::SetStop(bool stop) const {
  std::atomic<std::uint32_t>& word = channel_.header().stop;
  const std::uint32_t value = stop ? 1 : 0;
  if (word.exchange(value) != value) native::SharedFutexWake(word, 1);
}

bool WorkerLink::Drain(
    absl::FunctionRef<void(const Sent& sent, const Reply& reply)> tell) {
  ChannelHeader& header = channel_.header();
  const std::uint32_t head = header.head.load(std::memory_order_acquire);
  if (head == read_) return false;
  const auto check = [](bool good) {
    if (!good) throw DecodeError("joblib: a worker wrote nonsense");
  };
  check(head - read_ <= kRingBytes && head % 8 == 0);
  std::uint64_t arena_read = header.arena_read.load(std::memory_order_relaxed);
  while (read_ != head) {
    const std::byte* const at = channel_.result(read_);
    Frame frame;  // A copy: the worker may change what stands there.
    std::memcpy(&frame, at, sizeof frame);
    check(frame.bytes <= kMaxInline + sizeof(TaskTimes) &&
          FrameRoom(frame.bytes) <= head - read_ && !sent_.empty());
    Reply reply;
    reply.kind = static_cast<ReplyKind>(frame.kind);
    reply.payload = at + sizeof frame;
    reply.bytes = frame.bytes;
    ArenaSpan span = {};
    const bool in_arena = (frame.flags & kInArena) != 0;
    if (in_arena) {
      check(frame.bytes == sizeof span);
      std::memcpy(&span, reply.payload, sizeof span);
      check(span.offset < channel_.arena_bytes() &&
            span.bytes <= channel_.arena_bytes() - span.offset);
      reply.payload = channel_.result_arena() + span.offset;
      reply.bytes = span.bytes;
    }
    if ((frame.flags & kTimed) != 0) {
      check(reply.bytes >= sizeof reply.times);
      std::memcpy(&reply.times, reply.payload, sizeof reply.times);
      reply.payload += sizeof reply.times;
      reply.bytes -= sizeof reply.times;
    }
    const bool is_final = reply.kind != ReplyKind::kWarning;
    check(is_final ? reply.kind == ReplyKind::kDone ||
                         reply.kind == ReplyKind::kFailed
                   : true);
    // With its frame they are there.
    IncomingArrays arrays;
    check(arrays.Receive(socket_, frame.flags >> kArraysShift, returned_));
    reply.arrays = &arrays;
    const Sent sent = sent_.front();
    tell(sent, reply);
    read_ += FrameRoom(frame.bytes);
    if (in_arena) {
      channel_.DiscardResult(span);
      arena_read = span.end;
    }
    if (!is_final) continue;
    has_answered_ = true;
    sent_.pop_front();
    const std::uint64_t answered =
        sent_.empty() ? arena_.written() : sent_.front().arena;
    if (answered != arena_answered_) {
      const std::uint64_t size = channel_.arena_bytes();
      const std::uint64_t offset = arena_answered_ % size;
      channel_.DiscardRequest(
          {offset, std::min(answered - arena_answered_, size - offset), 0});
      arena_answered_ = answered;
    }
  }
  header.arena_read.store(arena_read, std::memory_order_release);
  header.tail.store(read_, std::memory_order_seq_cst);
  if (header.full.load(std::memory_order_seq_cst) != 0) {
    native::SharedFutexWake(header.tail, 1);
  }
  return true;
}

std::uint32_t WorkerLink::TakeBack(std::uint32_t n) {
  std::uint32_t can = 0;
  while (can < n && can < sent_.size() &&
         sent_[sent_.size() - 1 - can].kind == RequestKind::kTask) {
    ++can;
  }
  std::atomic<std::uint64_t>& claim = channel_.header().claim;
  std::uint64_t seen = claim.load(std::memory_order_seq_cst);
  std::uint32_t taken;
  do {
    // What was not published yet can't have been claimed, either.
    const std::uint32_t unclaimed = (sent_seq_ - NextOf(seen)) & kSeqMask;
    taken = std::min(can, unclaimed);
    if (taken == 0) return 0;
    const std::uint32_t keep = sent_seq_ - taken;
    // Never raises the limit.
    const std::uint32_t limit =
        ((published_ - keep) & kSeqMask) < (kSeqMask >> 1) ? keep : published_;
    if (claim.compare_exchange_weak(
            seen, (seen & kAsleep) | MakeClaim(NextOf(seen), limit))) {
      published_ = limit;
      break;
    }
  } while (true);
  for (std::uint32_t i = 0; i < taken; ++i) UndoLast();
  return taken;
}

std::uint32_t WorkerLink::Unclaimed() const {
  const std::uint64_t claim =
      channel_.header().claim.load(std::memory_order_relaxed);
  const std::uint32_t unclaimed = (sent_seq_ - NextOf(claim)) & kSeqMask;
  return std::min<std::uint32_t>(unclaimed,
                                 static_cast<std::uint32_t>(sent_.size()));
}

const Sent* WorkerLink::Begun() const {
  if (sent_.empty()) return nullptr;
  const std::uint32_t first =
      sent_seq_ - static_cast<std::uint32_t>(sent_.size());
  const std::uint32_t running =
      channel_.header().running.load(std::memory_order_acquire);
  return ((running - 1 - first) & kSeqMask) == 0 ? &sent_.front() : nullptr;
}

std::optional<Clock::time_point> WorkerLink::TaskBegan() const {
  const std::uint64_t clock =
      channel_.header().task_clock.load(std::memory_order_acquire);
  if ((clock & 3) != static_cast<std::uint64_t>(TaskClock::kRunning)) {
    return std::nullopt;
  }
  return Clock::time_point(std::chrono::nanoseconds(
      channel_.header().task_started.load(std::memory_order_relaxed)));
}

bool WorkerLink::CondemnIfLate(Clock::time_point began_before) {
  if (sent_.empty() || sent_.front().kind != RequestKind::kTask) return false;
  const std::uint32_t first =
      sent_seq_ - static_cast<std::uint32_t>(sent_.size());
  std::uint64_t running = ClockWord(first, TaskClock::kRunning);
  std::atomic<std::uint64_t>& clock = channel_.header().task_clock;
  if (clock.load(std::memory_order_acquire) != running) return false;
  const std::optional<Clock::time_point> began = TaskBegan();
  if (!began.has_value() || *began > began_before) return false;
  return clock.compare_exchange_strong(running,
                                       ClockWord(first, TaskClock::kCondemned));
}

}  // namespace joblib::internal
