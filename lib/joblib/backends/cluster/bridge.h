// Bridge: the Python process beside this program that speaks with a cluster by
// the engine's own client (bridge.py), from here.
//
// It ends with the program, however that ends. Thread-safety: any thread.
#ifndef JOBLIB_BACKENDS_CLUSTER_BRIDGE_H_
#define JOBLIB_BACKENDS_CLUSTER_BRIDGE_H_

#include <atomic>
#include <chrono>
#include <cstdint>
#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "joblib/backends/cluster/cluster_values.h"
#include "joblib/backends/cluster/frames.h"
#include "native/companion.h"

namespace joblib::internal {

using BridgeFrame = StreamFrame<FrameKind>;

class Bridge : public std::enable_shared_from_this<Bridge> {
 public:
  // Starts `python` with the sources; empty: JOBLIB_PYTHON, else python3.
  // Throws std::runtime_error: no such interpreter.
  static std::shared_ptr<Bridge> Start(const std::string& python);
  // In a task on a cluster: speaks over a stream with what is there already.
  // `waits` is told when the first of this process's calls begins (true) and
  // when the last one has ended.
  static std::shared_ptr<Bridge> Nested(native::Stream stream,
                                        std::function<void(bool)> waits);
  Bridge(const Bridge&) = delete;

  bool is_nested() const { return waits_ != nullptr; }
  // Around each call.
  void CallBegins() ABSL_LOCKS_EXCLUDED(calls_mu_);
  void CallEnds() ABSL_LOCKS_EXCLUDED(calls_mu_);

  std::uint64_t NextId() { return next_id_.fetch_add(1); }
  // Where no answer comes.
  void Send(FrameKind kind, std::uint64_t id, std::string_view first,
            std::string_view second = {});
  // `answer` is called once, on the bridge's own thread: it must not wait.
  void Ask(FrameKind kind, std::uint64_t id, std::string_view first,
           std::string_view second, std::function<void(BridgeFrame)> answer);
  // Before a batch that needs `value`, which it gets once.
  void Share(const ClusterValue& value) ABSL_LOCKS_EXCLUDED(values_mu_);
  // It drops the values that have ended since.
  void ForgetDead() ABSL_LOCKS_EXCLUDED(values_mu_);
  // The text of an answer. Throws what the bridge failed with (see
  // BridgeError), and TimeoutError after `limit`: then the bridge is ended.
  std::string AskAndWait(FrameKind kind, const std::string& body,
                         std::chrono::seconds limit);

  // Whether it has ended or is about to: a new call needs a new one.
  bool gone() const { return gone_.load() || lost_.load(); }
  // Has it clean up and end.
  void Leave();
  // Waits for its end; after `limit` ends it.
  void WaitUntilGone(std::chrono::seconds limit);
  std::int64_t pid() const { return process_.pid(); }

 private:
  Bridge(native::Companion process, std::function<void(bool)> waits)
      : process_(std::move(process)), waits_(std::move(waits)) {}
  // Its thread begins. Throws std::runtime_error.
  void Begin();
  void ReadFrames();

  const native::Companion process_;  // A nested one's: the stream alone.
  const std::function<void(bool)> waits_;
  absl::Mutex calls_mu_;
  int calls_ ABSL_GUARDED_BY(calls_mu_) = 0;
  std::atomic<std::uint64_t> next_id_{1};
  std::atomic<bool> gone_{false};  // Nothing more can be asked.
  std::atomic<bool> lost_{false};  // It has lost its cluster.
  absl::Mutex write_mu_;
  absl::Mutex values_mu_;
  std::set<std::uint64_t> shared_ ABSL_GUARDED_BY(values_mu_);
  std::size_t dead_seen_ ABSL_GUARDED_BY(values_mu_) = 0;
  absl::Mutex mu_;
  std::map<std::uint64_t, std::function<void(BridgeFrame)>> asked_
      ABSL_GUARDED_BY(mu_);
  bool reaped_ ABSL_GUARDED_BY(mu_) = false;
};

// What a kFailed or kGone frame says, as the exception that the program gets.
std::exception_ptr BridgeError(const BridgeFrame& frame);

}  // namespace joblib::internal

#endif  // JOBLIB_BACKENDS_CLUSTER_BRIDGE_H_
