// ProcessCall: one Parallel call on worker processes.
//
//   submitted batches -> waiting_ -> a leased worker's channel -> results
//
// Tasks travel one by one, in their order, at most two batches ahead of what a
// worker runs; where a worker has nothing left, the unstarted tail of another
// one's goes to it. When a worker dies, the task it ran is named and the rest
// is sent to another one: so every other task runs exactly once.
//
// Whoever holds drive_mu_ drives: sends, reads, reports. Mostly that is the
// calling thread, in Drive; for a generator it is a thread of the library's, as
// the reader of the results may be away for long.
//
// Thread-safety: as BackendCall.
#ifndef JOBLIB_BACKENDS_PROCESS_PROCESS_CALL_H_
#define JOBLIB_BACKENDS_PROCESS_PROCESS_CALL_H_

#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <exception>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "joblib/backends/process/process_pool.h"
#include "joblib/backends/process/shipment.h"
#include "joblib/backends/process/waiter.h"
#include "joblib/core/batch_state.h"
#include "joblib/core/warning.h"
#include "native/float_environment.h"

namespace joblib::internal {

// How long an aborted call's tasks may still run by themselves.
inline constexpr std::chrono::milliseconds kEndGrace{2};

class ProcessCall final : public BackendCall,
                          public std::enable_shared_from_this<ProcessCall> {
 public:
  // nesting_level: of the tasks.
  ProcessCall(std::shared_ptr<ProcessPool> pool,
              std::weak_ptr<BatchReceiver> receiver, const CallTraits& traits,
              int nesting_level);
  ~ProcessCall() override;
  // The pool is this call's alone, and ends with it. Before Begin.
  void OwnPool() { owns_pool_ = true; }
  // After construction, once.
  void Begin();

  bool runs_elsewhere() const override { return true; }
  bool caller_drives() const override { return !is_stream_; }
  void Drive(std::optional<std::chrono::steady_clock::time_point> deadline)
      override ABSL_LOCKS_EXCLUDED(drive_mu_);
  void Submit(Batch batch) override ABSL_LOCKS_EXCLUDED(drive_mu_, queue_mu_);
  void OfferTail() override {}
  void BatchEnded() override {}
  void CallForQueued() override {}
  void Abort() override;
  void Help(const std::atomic<bool>& over) override;
  void WakeHelper() override;
  int workers() const override { return traits_.n_jobs; }
  void Close() override;

 private:
  using Clock = std::chrono::steady_clock;

  // A leased worker.
  struct Held {
    Held() = default;
    // A vector would copy else.
    Held(Held&&) noexcept = default;
    Held& operator=(Held&&) noexcept = default;
    std::shared_ptr<WorkerLink> link;
    int index = 0;             // worker_index() of its tasks.
    bool header_sent = false;  // It knows the call.
    bool is_new = false;       // Nothing was sent to it before.
    bool greeted = false;      // It was seen to be ready.
    bool needs_initializer = false;
    Shipment* sending = nullptr;  // Not sent to its end yet.
    // Under way, in order.
    std::deque<std::unique_ptr<Shipment>> shipments;
    Clock::time_point since;
    std::optional<Clock::time_point> absence_told;  // Of a hello.
    // A killed one: when, and whether its task was late.
    std::optional<Clock::time_point> ending_since;
    bool killed = false;
    bool condemned = false;
  };

  // process_call.cc: the loop.
  // One round of everything; true if something happened that the dispatcher
  // would like to see.
  bool Poll() ABSL_EXCLUSIVE_LOCKS_REQUIRED(drive_mu_);
  void TakeSubmitted() ABSL_EXCLUSIVE_LOCKS_REQUIRED(drive_mu_);
  bool Ready() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(drive_mu_);
  std::optional<Clock::time_point> NextLook() const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(drive_mu_);
  void DriveStream();
  bool is_foreign() const;  // We are in the child of a fork().

  // process_call_send.cc: leases and requests.
  void LeaseAndYield() ABSL_EXCLUSIVE_LOCKS_REQUIRED(drive_mu_);
  void GiveBack(std::size_t i) ABSL_EXCLUSIVE_LOCKS_REQUIRED(drive_mu_);
  void SendAll() ABSL_EXCLUSIVE_LOCKS_REQUIRED(drive_mu_);
  void SendTo(Held& held) ABSL_EXCLUSIVE_LOCKS_REQUIRED(drive_mu_);
  bool SendHeader(Held& held) ABSL_EXCLUSIVE_LOCKS_REQUIRED(drive_mu_);
  bool FindRunner(const TaskBlock& block)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(drive_mu_);
  Held* LeastLoaded() ABSL_EXCLUSIVE_LOCKS_REQUIRED(drive_mu_);
  void SetRingAt(const Held& held) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(drive_mu_);
  // Takes the unstarted tasks of `held` back to the front of waiting_, up to n.
  std::uint32_t TakeBack(Held& held, std::uint32_t n)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(drive_mu_);
  void Balance() ABSL_EXCLUSIVE_LOCKS_REQUIRED(drive_mu_);

  // process_call_ends.cc: answers, deaths, the end.
  bool DrainFrom(Held& held) ABSL_EXCLUSIVE_LOCKS_REQUIRED(drive_mu_);
  void Answered(Held& held, const Sent& sent, const Reply& reply)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(drive_mu_);
  // Forked workers whose batch is done have no further use.
  void DismissUsedForks() ABSL_EXCLUSIVE_LOCKS_REQUIRED(drive_mu_);
  // Shipments of `held` that are over are reported.
  bool ReportEnded(Held& held) ABSL_EXCLUSIVE_LOCKS_REQUIRED(drive_mu_);
  void Report(std::unique_ptr<Shipment> shipment)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(drive_mu_);
  // Its next task failed. False: the call is over.
  bool Fail(Shipment& shipment, const std::exception_ptr& error)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(drive_mu_);
  // All tasks that have not ended fail.
  void FailAll(const std::exception_ptr& error)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(drive_mu_);
  void Bury(std::size_t i) ABSL_EXCLUSIVE_LOCKS_REQUIRED(drive_mu_);
  // The first task of `shipment` ran on a worker that is dead.
  void BuryTask(Held& held, Shipment& shipment)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(drive_mu_);
  void CheckLate() ABSL_EXCLUSIVE_LOCKS_REQUIRED(drive_mu_);
  // Whether there was anything to tell of workers that say no hello.
  bool CheckHellos() ABSL_EXCLUSIVE_LOCKS_REQUIRED(drive_mu_);
  bool EndAborted() ABSL_EXCLUSIVE_LOCKS_REQUIRED(drive_mu_);
  void Kill(Held& held) ABSL_EXCLUSIVE_LOCKS_REQUIRED(drive_mu_);
  std::exception_ptr LateError(std::int64_t task) const;

  const std::shared_ptr<ProcessPool> pool_;
  const std::weak_ptr<BatchReceiver> weak_receiver_;
  BatchReceiver* receiver_ ABSL_GUARDED_BY(drive_mu_) = nullptr;
  CallTraits traits_;
  bool owns_pool_ = false;
  const bool is_stream_;
  const int nesting_level_;
  const int fork_generation_;
  const native::FloatEnvironment float_environment_;
  const std::shared_ptr<LeaseHolder> holder_;

  absl::Mutex queue_mu_ ABSL_ACQUIRED_AFTER(drive_mu_);
  std::deque<Batch> submitted_ ABSL_GUARDED_BY(queue_mu_);
  std::atomic<bool> any_submitted_{false};
  std::atomic<bool> aborted_{false};
  std::atomic<bool> poked_{false};
  std::atomic<bool> closed_{false};

  absl::Mutex drive_mu_;
  std::deque<std::unique_ptr<Shipment>> waiting_ ABSL_GUARDED_BY(drive_mu_);
  std::vector<Held> held_ ABSL_GUARDED_BY(drive_mu_);
  bool waits_for_lease_ ABSL_GUARDED_BY(drive_mu_) = false;
  std::vector<bool> index_taken_ ABSL_GUARDED_BY(drive_mu_);
  const ShippedRunner* runner_ ABSL_GUARDED_BY(drive_mu_) = nullptr;
  std::exception_ptr runner_error_ ABSL_GUARDED_BY(drive_mu_);
  // The tasks can't travel: each batch gets a worker forked after it was read,
  // which finds them in its copy of the memory.
  bool by_pointer_ ABSL_GUARDED_BY(drive_mu_) = false;
  std::map<std::int64_t, int> attempts_ ABSL_GUARDED_BY(drive_mu_);
  std::int64_t completed_ ABSL_GUARDED_BY(drive_mu_) = 0;
  int fruitless_deaths_ ABSL_GUARDED_BY(drive_mu_) = 0;
  bool abort_told_ ABSL_GUARDED_BY(drive_mu_) = false;
  std::optional<Clock::time_point> balance_at_ ABSL_GUARDED_BY(drive_mu_);
  std::vector<std::string> array_warnings_ ABSL_GUARDED_BY(drive_mu_);
  RepeatedValues repeated_ ABSL_GUARDED_BY(drive_mu_);
  bool array_warned_ ABSL_GUARDED_BY(drive_mu_) = false;
  std::vector<Warning> warnings_ ABSL_GUARDED_BY(drive_mu_);
  Waiter waiter_ ABSL_GUARDED_BY(drive_mu_);

  // A generator's driver thread.
  absl::Mutex stream_mu_;
  bool stream_driver_lives_ ABSL_GUARDED_BY(stream_mu_) = false;
};

}  // namespace joblib::internal

#endif  // JOBLIB_BACKENDS_PROCESS_PROCESS_CALL_H_
