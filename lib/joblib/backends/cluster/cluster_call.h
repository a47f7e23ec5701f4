// ClusterCall: one Parallel call on a cluster.
//
//   submitted batch -> bytes -> bridge -> the engine -> reply -> its finisher
//
// The finisher is a thread of the call's own: to finish a batch may read the
// caller's input, which takes what it takes and must hold up no other call.
//
// Where a worker process dies the task that it ran is named. What came before
// it in the batch runs again (its results died too), what came after it runs
// now: on a cluster a task may run more than once, as the engine itself has it.
#ifndef JOBLIB_BACKENDS_CLUSTER_CLUSTER_CALL_H_
#define JOBLIB_BACKENDS_CLUSTER_CLUSTER_CALL_H_

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
#include "joblib/backends/cluster/bridge.h"
#include "joblib/core/backend_params.h"
#include "joblib/core/batch_state.h"

namespace joblib::internal {

class ClusterCall final : public BackendCall,
                          public std::enable_shared_from_this<ClusterCall> {
 public:
  // `submit`: options of the engine's own for each batch.
  ClusterCall(std::shared_ptr<Bridge> bridge, const CallTraits& traits);
  // Before anything else. Throws std::runtime_error: no thread to be had.
  void Begin(const BackendParams& submit);

  bool runs_elsewhere() const override { return true; }
  void Submit(Batch batch) override;
  void OfferTail() override {}
  void BatchEnded() override {}
  void CallForQueued() override {}
  void Abort() override;
  void Help(const std::atomic<bool>&) override {}
  void WakeHelper() override {}
  int workers() const override { return traits_.n_jobs; }
  void Close() override;

 private:
  // A batch under way.
  struct Sent {
    Batch batch;
    std::int64_t retries = 0;  // Of its task, which is alone in it then.
    int fruitless = 0;         // Processes that ended before a task began.
  };
  void Send(Sent sent);
  void Warn(const std::vector<std::string>& warnings);
  void CancelSent(const std::vector<std::uint64_t>& ids);
  void FinishBatches();
  void Handle(BridgeFrame frame);
  struct Death;
  void ProcessDied(Sent sent, const std::string& body, bool is_late);
  void DropAll();
  bool HasSomething() const ABSL_SHARED_LOCKS_REQUIRED(mu_) {
    return !answers_.empty() || closing_;
  }

  const std::shared_ptr<Bridge> bridge_;
  CallTraits traits_;  // Constant from Begin on.
  const std::uint64_t id_;
  absl::Mutex mu_;
  std::map<std::uint64_t, Sent> sent_ ABSL_GUARDED_BY(mu_);
  std::deque<BridgeFrame> answers_ ABSL_GUARDED_BY(mu_);
  bool aborted_ ABSL_GUARDED_BY(mu_) = false;
  bool closing_ ABSL_GUARDED_BY(mu_) = false;
  bool closed_ ABSL_GUARDED_BY(mu_) = false;
  bool warned_ ABSL_GUARDED_BY(mu_) = false;
  std::int64_t completed_ = 0;  // The finisher's.
};

}  // namespace joblib::internal

#endif  // JOBLIB_BACKENDS_CLUSTER_CLUSTER_CALL_H_
