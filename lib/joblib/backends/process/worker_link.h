// WorkerLink: one worker process, as this process sees it: its channel, what is
// under way there, and its life.
//
// Leased to one call at a time (process_pool.h): then that call's driver alone
// sends and reads. The keeper starts and reaps it.
//
//   link.SendTask(shipment, i, flags);  ...  link.Publish();
//   link.Drain([](const Sent& sent, const Reply& reply) { ... });
//
// Thread-safety: the atomics and Kill from any thread, the rest as said.
#ifndef JOBLIB_BACKENDS_PROCESS_WORKER_LINK_H_
#define JOBLIB_BACKENDS_PROCESS_WORKER_LINK_H_

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "joblib/backends/process/call_header.h"
#include "joblib/backends/process/channel.h"
#include "joblib/backends/process/repeated_values.h"
#include "joblib/backends/process/result_arrays.h"
#include "joblib/core/array_memory.h"
#include "joblib/core/batch_state.h"
#include "joblib/core/byte_reader.h"
#include "joblib/core/byte_writer.h"
#include "joblib/core/warning.h"
#include "native/child_process.h"
#include "native/descriptor_socket.h"

namespace joblib::internal {

struct Shipment;
class ProcessPool;

// A request under way.
struct Sent {
  RequestKind kind = RequestKind::kTask;
  Shipment* shipment = nullptr;  // kTask
  std::uint32_t index = 0;       // kTask: in its block.
  std::uint32_t position = 0;    // Where its frame begins in the ring.
  std::uint64_t arena = 0;       // How much of the arena was written before it.
  std::uint64_t shared = 0;      // kShared, kArray: the number.
};

// The answer to a request, in memory that the worker can still write.
struct Reply {
  ReplyKind kind = ReplyKind::kDone;
  const std::byte* payload = nullptr;
  std::uint64_t bytes = 0;
  TaskTimes times = {};
  IncomingArrays* arrays = nullptr;  // What of it was handed over.
};

class WorkerLink {
 public:
  // kNew -> kStarting -> kRunning -> kEnded. kEnded is seen with `end` and
  // `start_error`.
  enum class Life { kNew, kStarting, kRunning, kEnded };

  WorkerLink(std::weak_ptr<ProcessPool> pool, int number)
      : pool(std::move(pool)), number(number) {}
  WorkerLink(const WorkerLink&) = delete;
  ~WorkerLink();

  // Makes its channel, so that requests can be written while the process is yet
  // to start. Errors: RESOURCE_EXHAUSTED.
  absl::Status Open();

  // Numbers and positions of links that open from here on begin there (tests:
  // what is near to wrap). `position` is a multiple of 8.
  static void BeginAtForTest(std::uint32_t seq, std::uint32_t position);

  // In a fork()ed worker alone.
  Channel TakeChannel() { return std::move(channel_); }

  // ---- The keeper's and the pool's.
  const std::weak_ptr<ProcessPool> pool;
  const int number;  // In its pool.
  std::atomic<Life> life{Life::kNew};
  native::ExitStatus end;      // Written before kEnded.
  bool was_lost = false;       // As `end`: it had closed its socket.
  absl::Status start_error;    // Not OK: it could not be started at all.
  native::ChildProcess child;  // The keeper's alone.
  native::DescriptorSocket workers_socket;  // Until it is started.
  std::chrono::steady_clock::time_point started_at;
  std::atomic<std::int64_t> pid{0};  // 0: not yet.
  // Once it has answered: it may be faster than the thread that started it is
  // to say which process it is.
  std::int64_t AwaitPid() const {
    while (pid.load() == 0 && life.load() == Life::kStarting) {
      std::this_thread::yield();
    }
    return pid.load();
  }
  std::atomic<std::uint32_t> bell{0};  // Of the call that leases it.
  std::atomic<bool> leased{false};
  std::atomic<bool> kill_asked{false};

  bool ended() const {
    return life.load(std::memory_order_acquire) == Life::kEnded;
  }
  // Once it has answered, it was: whatever it has written over its word since.
  bool ready() const {
    return has_answered_ ||
           channel_.header().ready.load(std::memory_order_acquire) != 0;
  }
  const Channel& channel() const { return channel_; }
  const native::DescriptorSocket& socket() const { return socket_; }

  // ---- The leasing call's driver.
  // False: no room for now. Throws what encoding throws; then nothing was sent.
  bool SendTask(Shipment& shipment, std::uint32_t index, bool flush);
  bool SendControl(RequestKind kind,
                   absl::FunctionRef<void(ByteWriter&)> encode);
  // The same with a runner of this process as the other one finds it.
  bool SendCode(RequestKind kind, const ShippedRunner& runner,
                absl::FunctionRef<void(ByteWriter&, CodeRef)> encode);
  // Makes what was sent visible to the worker and wakes it.
  void Publish();
  // How many of the requests under way may be left unclaimed when the worker
  // rings the bell.
  void RingAt(std::uint32_t n) const {
    std::atomic<std::uint32_t>& word = channel_.header().ring_at;
    // Mostly it is so already: the worker keeps its copy of the cache line.
    if (word.load(std::memory_order_relaxed) != n) {
      word.store(n, std::memory_order_relaxed);
    }
  }
  // Whether the worker's running task is to end.
  void SetStop(bool stop) const;
  // Tells of the answers that came, in order. True if there were any. Throws
  // DecodeError if the channel holds nonsense, and what `tell` throws.
  bool Drain(
      absl::FunctionRef<void(const Sent& sent, const Reply& reply)> tell);
  bool HasAnswers() const {
    return channel_.header().head.load(std::memory_order_acquire) != read_;
  }
  // Takes back up to `n` of the last requests, none of which the worker has
  // begun, and never a control request. They are gone from sent().
  std::uint32_t TakeBack(std::uint32_t n);
  // Tasks that the worker has not claimed, as far as is known now.
  std::uint32_t Unclaimed() const;
  // The request that the worker has begun and not answered; null if none.
  const Sent* Begun() const;
  const std::deque<Sent>& sent() const { return sent_; }
  // Whether there are tasks among them: the rest harms no other call.
  bool has_tasks() const {
    return std::any_of(sent_.begin(), sent_.end(), [](const Sent& sent) {
      return sent.kind == RequestKind::kTask;
    });
  }
  // It is dead: what was under way is nobody's any more.
  void ForgetSent() { sent_.clear(); }

  // If the clock says that the first request under way is a task that began
  // before `began_before`: condemns it. True: it is, nobody will answer it.
  bool CondemnIfLate(std::chrono::steady_clock::time_point began_before);
  // When it began, if it is running.
  std::optional<std::chrono::steady_clock::time_point> TaskBegan() const;

  // Values that it has; see SharedMemoryValue.
  std::set<std::uint64_t> shared;
  // Of the leasing call: how arrays travel, and what it is to be warned of.
  const ArrayMapping* arrays = nullptr;
  std::vector<std::string>* array_warnings = nullptr;
  // Of the leasing call: what was sent, and what it is to be warned of.
  RepeatedValues* repeated = nullptr;
  std::vector<Warning>* warnings = nullptr;
  std::size_t seen_ended = 0;            // Of DeadNumbersSince.
  std::vector<std::uint64_t> to_forget;  // Of those it has.
  // Modules that it was told of.
  std::vector<std::uint64_t> modules;

 private:
  class RequestSink;
  // What encoding found that it must have sent before.
  struct NeedsShared;

  bool HasRoomInRing() const;
  std::uint32_t RingUsed() const;
  bool Encode(RequestKind kind, std::uint16_t flags,
              absl::FunctionRef<void(ByteWriter&)> encode);
  void UndoLast();
  bool Knows(std::uint64_t module) const;
  bool SendModule(std::uint64_t id);
  bool SendShared(const NeedsShared& needed);
  // What goes with its descriptor.
  bool EncodeShared(RequestKind kind, std::uint64_t number,
                    absl::FunctionRef<void(ByteWriter&)> encode);

  Channel channel_;
  std::shared_ptr<ReturnedResults> returned_;  // To this worker.
  native::DescriptorSocket socket_;
  std::deque<Sent> sent_;       // Not answered, in order.
  std::int64_t encoded_ = 0;    // The number of the task in work.
  std::uint32_t sent_seq_ = 0;  // Number of the next request.
  std::uint32_t published_ = 0;
  std::uint32_t written_ = 0;  // Bytes of the request ring.
  std::uint32_t read_ = 0;     // Bytes of the result ring.
  ArenaCursor arena_;
  std::uint64_t arena_answered_ = 0;  // Of the request arena.
  bool has_answered_ = false;
};

}  // namespace joblib::internal

#endif  // JOBLIB_BACKENDS_PROCESS_WORKER_LINK_H_
