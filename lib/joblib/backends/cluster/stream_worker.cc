#include "joblib/backends/cluster/stream_worker.h"

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <exception>
#include <iostream>
#include <string>
#include <string_view>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "joblib/backends/cluster/bridge.h"
#include "joblib/backends/cluster/dask_backend.h"
#include "joblib/backends/cluster/frames.h"
#include "joblib/backends/process/call_header.h"
#include "joblib/backends/process/worker_shared_values.h"
#include "joblib/core/batch_bytes.h"
#include "joblib/core/byte_reader.h"
#include "joblib/core/config.h"
#include "joblib/core/outcome.h"
#include "native/descriptor_socket.h"
#include "native/shared_memory.h"
#include "native/stream.h"
#include "native/thread.h"
#include "native/worker_process.h"

namespace joblib::internal {
namespace {

using Request = StreamFrame<WorkerFrameKind>;

// Of the calls of tasks, where they go to the cluster.
std::atomic<const Config*> nested_config{nullptr};

// What the sidecar reads of the task that runs, at any time: PAGE there.
struct TaskPage {
  std::atomic<std::int32_t> running{0};  // Its place in the batch + 1; 0: none.
  std::int32_t unused = 0;
  std::atomic<std::int64_t> started{0};  // steady_clock, in nanoseconds.
};
static_assert(sizeof(TaskPage) == 16);

// As sidecar.py packs it.
static_assert(sizeof(ArrayHeader) == 32 &&
              offsetof(ArrayHeader, is_copy) == 25);

class StreamWorker {
 public:
  StreamWorker(native::Stream stream, native::DescriptorSocket descriptors,
               TaskPage& page)
      : stream_(std::move(stream)),
        shared_(std::move(descriptors)),
        page_(page) {}

  [[noreturn]] void Run() {
    const absl::Status started =
        native::StartThread([this] { ReadRequests(); }, "joblib-reader");
    if (!started.ok()) {
      std::fprintf(stderr, "joblib: this worker process can't start: %s\n",
                   std::string(started.message()).c_str());
      native::LeaveWorker(3);
    }
    Write(WorkerFrameKind::kReady, 0, {});
    for (;;) Serve(NextRequest());
  }

 private:
  // Its own thread: the end of the stream ends a running task, too.
  void ReadRequests() {
    while (std::optional<Request> request =
               ReadFrame<WorkerFrameKind>(stream_)) {
      absl::MutexLock lock(&mu_);
      if (request->kind == WorkerFrameKind::kRejoined) {
        rejoined_ = true;
      } else {
        requests_.push_back(*std::move(request));
      }
    }
    std::_Exit(0);
  }

  void Write(WorkerFrameKind kind, std::uint64_t id, std::string_view body) {
    absl::MutexLock lock(&write_mu_);
    WriteFrame(stream_, kind, id, body);
  }

  bool HasRequest() const ABSL_SHARED_LOCKS_REQUIRED(mu_) {
    return !requests_.empty();
  }
  Request NextRequest() {
    absl::MutexLock lock(&mu_);
    mu_.Await(absl::Condition(this, &StreamWorker::HasRequest));
    Request request = std::move(requests_.front());
    requests_.pop_front();
    return request;
  }

  void Serve(Request request) {
    ByteReader in(request.body.data(), request.body.size());
    switch (request.kind) {
      case WorkerFrameKind::kShared: {
        const auto header = in.Get<SharedHeader>();
        return shared_.Take(header.number, header.bytes);
      }
      case WorkerFrameKind::kArray: {
        const auto header = in.Get<ArrayHeader>();
        return shared_.TakeArray(header, in.GetText());
      }
      case WorkerFrameKind::kNested:
        return NestOnDask(request.body);
      case WorkerFrameKind::kForget:
        return shared_.Forget(in.Get<std::uint64_t>());
      default:
        RunBatch(request);
    }
  }

  // The calls of tasks go to the cluster from here on.
  void NestOnDask(const std::string& address) {
    absl::StatusOr<native::DescriptorSocket::Received> received =
        shared_.socket().Receive(std::chrono::seconds(10));
    if (!received.ok()) return;  // The stream ends, too.
    auto* const config = new Config;
    config->backend = NestedDask(
        address, Bridge::Nested(native::Stream(received->descriptor),
                                [this](bool waits) { TaskWaits(waits); }));
    config->n_jobs = none;
    config->immortal = true;
    nested_config.store(config);
    SetShippedTaskConfig(
        [](int /*nesting_level*/) { return ConfigRef(nested_config.load()); });
  }

  // The engine's worker runs another task meanwhile; it tells when this one may
  // go on.
  void TaskWaits(bool waits) {
    if (waits) return Write(WorkerFrameKind::kSecede, 0, {});
    Write(WorkerFrameKind::kRejoin, 0, {});
    absl::MutexLock lock(&mu_);
    mu_.Await(absl::Condition(&rejoined_));
    rejoined_ = false;
  }

  void RunBatch(Request& request) {
    std::int64_t limit = 0;
    std::string answer;
    WorkerFrameKind kind = WorkerFrameKind::kDone;
    try {
      if (request.body.size() < sizeof limit) {
        throw std::invalid_argument("a request without a batch");
      }
      std::memcpy(&limit, request.body.data(), sizeof limit);
      request.body.erase(0, sizeof limit);
      answer = RunBatchBytes(
          request.body, [this](std::uint32_t task) { Begins(task); },
          std::chrono::nanoseconds(limit), &shared_);
    } catch (...) {
      kind = WorkerFrameKind::kFailed;
      answer = ExceptionMessage(std::current_exception());
    }
    std::cout.flush();
    std::fflush(stdout);
    Write(kind, request.id, answer);
  }

  void Begins(std::uint32_t task) {
    page_.started.store(std::chrono::nanoseconds(
                            std::chrono::steady_clock::now().time_since_epoch())
                            .count(),
                        std::memory_order_relaxed);
    page_.running.store(static_cast<std::int32_t>(task) + 1,
                        std::memory_order_release);
  }

  const native::Stream stream_;
  WorkerSharedValues shared_;
  TaskPage& page_;
  absl::Mutex write_mu_;
  absl::Mutex mu_;
  bool rejoined_ ABSL_GUARDED_BY(mu_) = false;
  std::deque<Request> requests_ ABSL_GUARDED_BY(mu_);
};

[[noreturn]] void Refuse(const absl::Status& status) {
  std::fprintf(stderr, "joblib: this worker process can't start: %s\n",
               std::string(status.message()).c_str());
  native::LeaveWorker(3);
}

}  // namespace

void RunStreamWorker(const native::WorkerStart& start) {
  native::IgnoreTerminalSignals();
  absl::StatusOr<native::SharedMemory> memory =
      native::SharedMemory::Adopt(start.channel, 0);
  if (!memory.ok()) Refuse(memory.status());
  absl::StatusOr<native::Mapping> page =
      native::Mapping::Map(*memory, 0, memory->bytes());
  if (!page.ok()) Refuse(page.status());
  // Never destroyed: the process ends from within.
  static const native::Mapping* const mapping =
      new native::Mapping(*std::move(page));
  auto* const worker = new StreamWorker(
      native::Stream(start.socket), native::DescriptorSocket(start.descriptors),
      *reinterpret_cast<TaskPage*>(mapping->data()));
  worker->Run();
}

}  // namespace joblib::internal
