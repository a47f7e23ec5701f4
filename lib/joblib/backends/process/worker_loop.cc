#include "joblib/backends/process/worker_loop.h"

#include <atomic>
#include <cstdio>
#include <exception>
#include <iostream>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "joblib/backends/process/call_header.h"
#include "joblib/backends/process/reply_writer.h"
#include "joblib/backends/process/result_pool.h"
#include "joblib/backends/process/stop_watcher.h"
#include "joblib/backends/process/waiter.h"
#include "joblib/backends/process/worker_shared_values.h"
#include "joblib/core/batch_state.h"
#include "joblib/core/byte_reader.h"
#include "joblib/core/call_control.h"
#include "joblib/core/errors.h"
#include "joblib/core/exception_codec.h"
#include "joblib/core/thread_state.h"
#include "joblib/core/warning.h"
#include "native/code_address.h"
#include "native/environment.h"
#include "native/shared_futex.h"
#include "native/worker_process.h"

namespace joblib::internal {
namespace {

using Clock = std::chrono::steady_clock;

int worker_depth = 0;

std::int64_t Nanoseconds(Clock::time_point t) {
  return std::chrono::nanoseconds(t.time_since_epoch()).count();
}

// Flushes what tasks print before their results are told.
void FlushOutput() {
  std::cout.flush();
  std::fflush(stdout);
}

// How long a worker sleeps without looking for its owner: the system's own word
// of the program's end does not reach a worker of more rights than the program
// had at last (it called setuid()). Then, too, it keeps no memory for results.
constexpr std::chrono::seconds kLookForOwner{10};

class WorkerLoop {
 public:
  WorkerLoop(Channel channel, BellPage bells, native::DescriptorSocket socket,
             TaskConfigFactory task_config)
      : channel_(std::move(channel)),
        bells_(std::move(bells)),
        shared_(std::move(socket)),
        position_(channel_.header().begin),
        task_config_(task_config),
        results_(&channel_.header().results),
        reply_(channel_, bells_, shared_.socket(), &results_),
        stop_watcher_(&channel_.header().stop) {
    set_warning_handler([this](const Warning& warning) {
      absl::MutexLock lock(&warnings_mu_);
      warnings_.push_back(warning);
      any_warnings_.store(true);
    });
  }

  [[noreturn]] void Run() {
    ChannelHeader& header = channel_.header();
    header.ready.store(1, std::memory_order_release);
    for (;;) {
      std::uint64_t claim = header.claim.load(std::memory_order_acquire);
      while (UnclaimedOf(claim) != 0) {
        // acq_rel: the frames were written before the limit it confirms.
        if (!header.claim.compare_exchange_weak(
                claim, MakeClaim(NextOf(claim) + 1, LimitOf(claim)),
                std::memory_order_acq_rel)) {
          continue;
        }
        Serve(NextOf(claim));
        claim = header.claim.load(std::memory_order_acquire);
        if (UnclaimedOf(claim) <=
            header.ring_at.load(std::memory_order_relaxed)) {
          reply_.Ring();
        }
      }
      WaitForRequests();
    }
  }

 private:
  void WaitForRequests() {
    ChannelHeader& header = channel_.header();
    std::uint64_t claim;
    const auto any = [&] {
      claim = header.claim.load(std::memory_order_acquire);
      return UnclaimedOf(claim) != 0;
    };
    // The exchange fails if something came since the last look.
    // The owner may have taken back what followed the last answer.
    FlushOutput();
    if (!waiter_.Look(any) &&
        header.claim.compare_exchange_strong(claim, claim | kAsleep)) {
      for (;;) {
        native::SharedFutexWaitUpper(
            header.claim, static_cast<std::uint32_t>((claim | kAsleep) >> 32),
            kLookForOwner);
        if ((header.claim.load(std::memory_order_acquire) & kAsleep) == 0) {
          break;
        }
        if (shared_.OwnerIsGone()) native::LeaveWorker(0);
        results_.Trim();
      }
    }
    waiter_.End();
  }

  // Request `seq`, whose frame is the next one.
  void Serve(std::uint32_t seq) {
    const std::byte* const at = channel_.request(position_);
    Frame frame;
    std::memcpy(&frame, at, sizeof frame);
    const std::byte* payload = at + sizeof frame;
    std::uint64_t bytes = frame.bytes;
    if ((frame.flags & kInArena) != 0) {
      ArenaSpan span;
      std::memcpy(&span, payload, sizeof span);
      payload = channel_.request_arena() + span.offset;
      bytes = span.bytes;
    }
    position_ += FrameRoom(frame.bytes);
    ByteReader in(payload, bytes, &shared_);
    reply_.Begin();
    // Before the task: a crash is known by it.
    channel_.header().running.store(seq + 1, std::memory_order_relaxed);
    try {
      Answer(static_cast<RequestKind>(frame.kind), seq, in);
    } catch (const DecodeError& error) {
      reply_.Fail(std::make_exception_ptr(
          BrokenProcessPool(UnserializeText(error.what()))));
    } catch (...) {
      reply_.Fail(std::current_exception());
    }
    reply_.HandOverArrays();
    if ((frame.flags & kFlush) != 0 || IsLastForNow()) FlushOutput();
    SendWarnings();
    if (is_clocked_) EndClock(seq);
    reply_.Publish();
  }

  // Nothing follows, or what did was taken back: this ends its batch.
  bool IsLastForNow() const {
    return UnclaimedOf(
               channel_.header().claim.load(std::memory_order_relaxed)) == 0;
  }

  void Answer(RequestKind kind, std::uint32_t seq, ByteReader& in) {
    switch (kind) {
      case RequestKind::kTask:
        return RunTask(seq, in);
      case RequestKind::kCall:
        return BeginCall(in);
      case RequestKind::kModule:
        return LoadModule(in);
      case RequestKind::kShared: {
        const auto header = in.Get<SharedHeader>();
        return shared_.Take(header.number, header.bytes);
      }
      case RequestKind::kArray: {
        const auto header = in.Get<ArrayHeader>();
        return shared_.TakeArray(header, in.GetText());
      }
      case RequestKind::kForget:
        while (in.left() > 0) shared_.Forget(in.Get<std::uint64_t>());
        return;
      case RequestKind::kInitializer:
        BeginCall(in);
        return RunTask(seq, in);
      case RequestKind::kLeave:
        FlushOutput();  // Of a stdout of its own (sync_with_stdio(false)), too.
        reply_.Publish();
        native::LeaveWorker(0);
    }
    throw DecodeError("joblib: a request of unknown kind");
  }

  void BeginCall(ByteReader& in) {
    const auto header = in.Get<CallHeader>();
    call_error_ = nullptr;
    runner_ = nullptr;
    try {
      runner_ = &FindRunner(header.runner);
    } catch (...) {
      call_error_ = std::current_exception();
    }
    header.float_environment.UseOnThisThread();
    control_ = stop_watcher_.BeginCall();
    config_ = task_config_(header.nesting_level);
    SwapActiveConfig(config_);
    worker_index_ = header.worker_index;
    hands_over_above_.reset();
    if (header.hands_over_above >= 0) {
      hands_over_above_ = static_cast<std::uint64_t>(header.hands_over_above);
    }
    reply_.HandOverAbove(hands_over_above_);
    is_traced_ = header.is_traced != 0;
    task_timeout_ = std::chrono::nanoseconds(header.task_timeout);
  }

  void RunTask(std::uint32_t seq, ByteReader& in) {
    if (runner_ == nullptr) {
      if (call_error_ != nullptr) std::rethrow_exception(call_error_);
      throw DecodeError("joblib: a task without a call");
    }
    TaskContext task;
    task.call = control_.get();
    task.remote_stop = &channel_.header().stop;
    task.worker_index = worker_index_;
    task.hands_over_above = hands_over_above_;
    task.result_memory = &results_;
    const bool is_timed = is_traced_ || task_timeout_.count() > 0;
    if (!is_timed) {
      const TaskScope scope(config_, &task);
      runner_->run(in, reply_.writer());
      return;
    }
    const Clock::time_point start = Clock::now();
    if (task_timeout_.count() > 0) {
      task.deadline = start + task_timeout_;
      StartClock(seq, start);
    }
    std::exception_ptr error;
    if (is_traced_) reply_.writer().Put(TaskTimes{Nanoseconds(start), 0});
    {
      const TaskScope scope(config_, &task);
      try {
        runner_->run(in, reply_.writer());
      } catch (...) {
        error = std::current_exception();
      }
    }
    if (error != nullptr) reply_.Fail(error);
    if (is_traced_) {
      reply_.SetTimes({Nanoseconds(start), Nanoseconds(Clock::now())});
    }
  }

  void StartClock(std::uint32_t seq, Clock::time_point start) {
    ChannelHeader& header = channel_.header();
    header.task_started.store(Nanoseconds(start), std::memory_order_relaxed);
    header.task_clock.store(ClockWord(seq, TaskClock::kRunning),
                            std::memory_order_release);
    is_clocked_ = true;
  }

  void EndClock(std::uint32_t seq) {
    is_clocked_ = false;
    std::uint64_t running = ClockWord(seq, TaskClock::kRunning);
    const Clock::time_point start(std::chrono::nanoseconds(
        channel_.header().task_started.load(std::memory_order_relaxed)));
    if (Clock::now() < start + task_timeout_ &&
        channel_.header().task_clock.compare_exchange_strong(
            running, ClockWord(seq, TaskClock::kEnded))) {
      return;
    }
    // Condemned, or about to be: whoever does it tells the task's fate, and
    // kills.
    for (;;) {
      native::SharedFutexWait(channel_.header().stop, 1,
                              std::chrono::seconds(1));
    }
  }

  void LoadModule(ByteReader& in) {
    native::Module module;
    module.id = in.Get<ModuleHeader>().id;
    module.path = in.GetText();
    module.version = in.GetText();
    const absl::Status opened = native::OpenModule(module);
    if (!opened.ok()) throw PicklingError(std::string(opened.message()));
  }

  void SendWarnings() {
    if (!any_warnings_.load(std::memory_order_relaxed)) return;
    std::vector<Warning> warnings;
    {
      absl::MutexLock lock(&warnings_mu_);
      warnings.swap(warnings_);
      any_warnings_.store(false);
    }
    reply_.PutBefore(warnings);
  }

  Channel channel_;
  BellPage bells_;
  WorkerSharedValues shared_;
  std::uint32_t position_;  // Of the next request's frame.
  const TaskConfigFactory task_config_;
  ResultPool results_;
  ReplyWriter reply_;
  Waiter waiter_;

  // Of the current call.
  const ShippedRunner* runner_ = nullptr;
  std::exception_ptr call_error_;
  StopWatcher stop_watcher_;
  std::shared_ptr<CallControl> control_;
  ConfigRef config_;
  int worker_index_ = 0;
  std::optional<std::uint64_t> hands_over_above_;
  bool is_traced_ = false;
  std::chrono::nanoseconds task_timeout_{};
  bool is_clocked_ = false;

  absl::Mutex warnings_mu_;
  std::vector<Warning> warnings_ ABSL_GUARDED_BY(warnings_mu_);
  std::atomic<bool> any_warnings_{false};
};

[[noreturn]] void Refuse(const absl::Status& status) {
  std::fprintf(stderr, "joblib: this worker process can't start: %s\n",
               std::string(status.message()).c_str());
  native::LeaveWorker(3);
}

}  // namespace

int WorkerDepth() { return worker_depth; }

void ServeChannel(Channel channel, BellPage bells,
                  native::DescriptorSocket socket,
                  TaskConfigFactory task_config) {
  ChannelHeader& header = channel.header();
  worker_depth = static_cast<int>(header.depth);
  native::IgnoreTerminalSignals();
  native::RecordCrashes(&header.crash_used, header.crash_text, kCrashBytes);
  // Never destroyed: the process ends from within.
  auto* const loop = new WorkerLoop(std::move(channel), std::move(bells),
                                    std::move(socket), task_config);
  loop->Run();
}

void RunWorker(const native::WorkerStart& start,
               TaskConfigFactory task_config) {
  absl::StatusOr<Channel> channel = Channel::Open(start.channel, start.nonce);
  if (!channel.ok()) Refuse(channel.status());
  if (channel->header().claimed.exchange(1) != 0) {
    Refuse(absl::FailedPreconditionError("another process is that worker"));
  }
  absl::StatusOr<BellPage> bells = BellPage::Open(start.bells);
  if (!bells.ok()) Refuse(bells.status());
  native::TakeWorkerLocale();
  if (native::GetEnv("JOBLIB_WORKER_WAIT_FOR_DEBUGGER").value_or("0") != "0") {
    native::WaitForDebugger();
  }
  ServeChannel(*std::move(channel), *std::move(bells),
               native::DescriptorSocket(start.socket), task_config);
}

}  // namespace joblib::internal
