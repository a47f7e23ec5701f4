#include "joblib/backends/cluster/cluster_call.h"

#include <chrono>
#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/time.h"
#include "joblib/backends/cluster/cluster_values.h"
#include "joblib/backends/cluster/json_text.h"
#include "joblib/core/batch_bytes.h"
#include "joblib/core/errors.h"
#include "joblib/core/warning.h"
#include "native/child_process.h"
#include "native/thread.h"

namespace joblib::internal {
namespace {

// How often a batch may meet a worker process that ends before its first task.
constexpr int kFruitless = 3;
// An engine that does not confirm an abort for so long is left alone.
constexpr absl::Duration kCancelLimit = absl::Seconds(10);

double InSeconds(std::chrono::steady_clock::duration duration) {
  return std::chrono::duration<double>(duration).count();
}

// Also a TaskFailure, so that one handler finds the task of any failure.
class TaskTerminatedError final : public TerminatedWorkerError,
                                  public TaskFailure {
 public:
  TaskTerminatedError(const std::string& message, std::int64_t task, int signal,
                      int exit_code, std::int64_t completed, std::int64_t pid,
                      int attempt)
      : TerminatedWorkerError(message, task, signal, exit_code, completed),
        TaskFailure(task, static_cast<int>(pid), attempt) {}
  using TerminatedWorkerError::task_index;
};

}  // namespace

// As sidecar.py's crash() packs it.
struct ClusterCall::Death {
  std::int32_t signal, exit_code;
  std::int64_t task;  // Its place in the batch; -1: none had begun.
  std::int64_t pid;
};

ClusterCall::ClusterCall(std::shared_ptr<Bridge> bridge,
                         const CallTraits& traits)
    : bridge_(std::move(bridge)), traits_(traits), id_(bridge_->NextId()) {}

void ClusterCall::Begin(const BackendParams& submit) {
  const double limit =
      traits_.task_timeout.has_value() ? InSeconds(*traits_.task_timeout) : 0;
  const BackendParam::Map options = {{"n_jobs", traits_.n_jobs},
                                     {"task_timeout", limit},
                                     {"submit", BackendParam::Map(submit)}};
  if (traits_.arrays.mmap_mode != "r" && !traits_.arrays.mmap_mode.empty()) {
    if (traits_.arrays.mmap_mode != "c") {
      internal::Warn(absl::StrCat(
          "mmap_mode='", traits_.arrays.mmap_mode,
          "' is not possible on a cluster: what a task writes to an array does "
          "not reach the others ('c')."));
    }
    traits_.arrays.mmap_mode.assign(1, 'c');
  }
  bridge_->ForgetDead();
  bridge_->Send(FrameKind::kCall, id_, JsonText(options));
  bridge_->CallBegins();
  const absl::Status started = native::StartThread(
      [self = shared_from_this()] { self->FinishBatches(); }, "joblib-cluster");
  if (!started.ok()) {
    bridge_->CallEnds();
    throw std::runtime_error(std::string(started.message()));
  }
}

void ClusterCall::Submit(Batch batch) { Send({.batch = std::move(batch)}); }

void ClusterCall::Send(Sent sent) {
  std::vector<std::string> warnings;
  ClusterValues values(traits_.arrays, &warnings);
  try {
    EncodeBatch(sent.batch, values.writer());
  } catch (...) {
    return sent.batch.fail(std::current_exception());
  }
  Warn(warnings);
  const std::uint64_t id = bridge_->NextId();
  const auto n_tasks = static_cast<std::uint32_t>(sent.batch.size());
  {
    absl::MutexLock lock(&mu_);
    if (!aborted_) sent_.emplace(id, std::move(sent));
  }
  if (!sent.batch.empty()) return;  // Aborted: it is dropped here.
  const auto n_values = static_cast<std::uint32_t>(values.needed().size());
  std::string header =
      absl::StrCat(BytesOf(id_), BytesOf(n_tasks), BytesOf(n_values));
  for (const auto& [number, value] : values.needed()) {
    bridge_->Share(value);
    absl::StrAppend(&header, BytesOf(number));
  }
  bridge_->Ask(FrameKind::kSubmit, id, header, values.bytes(),
               [self = shared_from_this()](BridgeFrame answer) {
                 absl::MutexLock lock(&self->mu_);
                 self->answers_.push_back(std::move(answer));
               });
  bool aborted;
  {
    absl::MutexLock lock(&mu_);
    aborted = aborted_;
  }
  // An abort that came between may have told the bridge too early.
  if (aborted) CancelSent({id});
}

void ClusterCall::Warn(const std::vector<std::string>& warnings) {
  if (warnings.empty()) return;
  {
    // The next array meets the same full folder.
    absl::MutexLock lock(&mu_);
    if (std::exchange(warned_, true)) return;
  }
  WarnQuietly(warnings.front());
}

void ClusterCall::CancelSent(const std::vector<std::uint64_t>& ids) {
  if (ids.empty()) return;
  bridge_->Send(
      FrameKind::kCancel, 0,
      {reinterpret_cast<const char*>(ids.data()), ids.size() * sizeof ids[0]});
}

void ClusterCall::Abort() {
  std::vector<std::uint64_t> ids;
  {
    absl::MutexLock lock(&mu_);
    aborted_ = true;
    for (const auto& [id, sent] : sent_) ids.push_back(id);
  }
  CancelSent(ids);
}

void ClusterCall::FinishBatches() {
  for (;;) {
    std::deque<BridgeFrame> answers;
    bool is_over = false;
    bool is_stuck = false;
    {
      absl::MutexLock lock(&mu_);
      const absl::Condition something(this, &ClusterCall::HasSomething);
      is_stuck = !mu_.AwaitWithTimeout(something, kCancelLimit) && aborted_ &&
                 !sent_.empty();
      answers.swap(answers_);
      is_over = closing_ && answers.empty();
    }
    if (is_over) break;
    for (BridgeFrame& answer : answers) Handle(std::move(answer));
    if (is_stuck) DropAll();
  }
  absl::MutexLock lock(&mu_);
  closed_ = true;
}

void ClusterCall::DropAll() {
  std::map<std::uint64_t, Sent> dropped;
  absl::MutexLock lock(&mu_);
  dropped.swap(sent_);
  // They report: not under the lock.
  mu_.Unlock();
  dropped.clear();
  mu_.Lock();
}

void ClusterCall::Handle(BridgeFrame frame) {
  Sent sent;
  {
    absl::MutexLock lock(&mu_);
    const auto found = sent_.find(frame.id);
    if (found == sent_.end()) return;
    sent = std::move(found->second);
    sent_.erase(found);
  }
  if (frame.kind != FrameKind::kResult) {
    return sent.batch.fail(BridgeError(frame));
  }
  const char kind = frame.body.empty() ? 'E' : frame.body.front();
  frame.body.erase(0, 1);
  switch (kind) {
    case 'R':
      completed_ += static_cast<std::int64_t>(sent.batch.size());
      return sent.batch.finish(frame.body);
    case 'C':
    case 'T':
      return ProcessDied(std::move(sent), frame.body, kind == 'T');
    case 'X':
      return;  // Cancelled: an unreported batch reports that.
    default:
      return sent.batch.fail(
          std::make_exception_ptr(BrokenProcessPool(frame.body)));
  }
}

void ClusterCall::ProcessDied(Sent sent, const std::string& body,
                              bool is_late) {
  Death death = {};
  if (body.size() != sizeof death) {
    return sent.batch.fail(std::make_exception_ptr(
        BrokenProcessPool("A worker's death was not told completely.")));
  }
  std::memcpy(&death, body.data(), sizeof death);
  const auto describe = [&death] {
    return native::ChildProcess::Describe(
        {.signal = death.signal, .code = death.exit_code});
  };
  if (death.task < 0 ||
      death.task >= static_cast<std::int64_t>(sent.batch.size())) {
    if (++sent.fruitless < kFruitless) return Send(std::move(sent));
    return sent.batch.fail(
        std::make_exception_ptr(TerminatedWorkerError(absl::StrCat(
            "Worker processes on the cluster ended before a task began, the "
            "last one (process ",
            death.pid, ") with ", describe(), "."))));
  }
  BatchReceiver* const receiver = BatchReceiver::Of(sent.batch);
  BatchState& whole = BatchReceiver::StateOf(sent.batch);
  const std::uint32_t place =
      whole.begin + static_cast<std::uint32_t>(death.task);
  const std::int64_t task = whole.block->first + place;
  // [head | the task | tail]
  Sent head, tail;
  if (place + 1 < whole.end) {
    tail.batch = receiver->SplitBatch(whole, place + 1);
  }
  if (place > whole.begin) {
    head.batch = std::move(sent.batch);
    sent.batch = receiver->SplitBatch(whole, place);
  }
  if (!is_late && sent.retries < traits_.max_retries) {
    ++sent.retries;
    Send(std::move(sent));
  } else {
    const int attempt = static_cast<int>(sent.retries) + 1;
    std::exception_ptr error;
    if (is_late) {
      error = std::make_exception_ptr(TimeoutError(
          absl::StrFormat("task_timeout: task %d was still running after %g s.",
                          task, InSeconds(*traits_.task_timeout))));
    } else {
      error = std::make_exception_ptr(TaskTerminatedError(
          absl::StrCat(
              "A worker process managed by the executor was unexpectedly "
              "terminated. This could be caused by a segmentation fault while "
              "calling the function or by an excessive memory usage causing "
              "the Operating System to kill the worker.\n\nThe exit codes of "
              "the workers are {",
              describe(), "}\nTask ", task,
              " was running on it (a process of the cluster, ", death.pid,
              attempt > 1 ? absl::StrCat(", attempt ", attempt) : "",
              "): ", describe(), "."),
          task, death.signal, death.exit_code, completed_, death.pid, attempt));
    }
    BatchState& state = BatchReceiver::StateOf(sent.batch);
    std::uint32_t done = place;
    if (receiver->BeginReply(state) &&
        receiver->ShippedTaskFailed(state, place, error)) {
      done = place + 1;
    }
    receiver->FinishShipped(std::move(sent.batch), done);
  }
  // After an abort these are dropped there.
  for (Sent* rest : {&head, &tail}) {
    if (!rest->batch.empty()) Send(std::move(*rest));
  }
}

void ClusterCall::Close() {
  {
    absl::MutexLock lock(&mu_);
    closing_ = true;
    mu_.Await(absl::Condition(&closed_));
  }
  bridge_->ForgetDead();
  bridge_->Send(FrameKind::kEndCall, id_, {});
  bridge_->CallEnds();
}

}  // namespace joblib::internal
