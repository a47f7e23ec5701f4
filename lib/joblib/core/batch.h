// Batch: some delayed calls that travel together, as a backend sees them.
//
//   void submit(joblib::Batch batch) override {
//     queue_.Push(std::move(batch));   // A worker will call batch.run().
//   }
//
// Reported exactly once, by run(), fail() or finish(): a second report throws
// std::logic_error; destroying an unreported batch reports CancelledError, so
// that a backend can't lose one. Movable, not copyable; may outlive the call
// (then it reports to nobody). Thread-safety: one thread at a time; any thread.
#ifndef JOBLIB_CORE_BATCH_H_
#define JOBLIB_CORE_BATCH_H_

#include <cstddef>
#include <exception>
#include <memory>
#include <string>
#include <utility>

namespace joblib {
namespace internal {
class BatchReceiver;
class BatchState;
}  // namespace internal

class Batch {
 public:
  Batch() = default;  // Empty; only to be assigned to.
  Batch(Batch&& other) noexcept
      : receiver_(std::move(other.receiver_)),
        state_(std::exchange(other.state_, nullptr)) {}
  Batch& operator=(Batch&& other) noexcept;
  ~Batch();

  // Nothing to run or report.
  bool empty() const { return state_ == nullptr; }
  // Tasks in it; another thread may take unstarted ones of a running batch.
  std::size_t size() const;
  // Runs the calls on this thread and reports.
  void run();
  // Reports that none of them ran, and why.
  void fail(std::exception_ptr error);

  // For a backend that ships: the calls as bytes, for another process of the
  // same program. They stay here, to be reported. Throws PicklingError where a
  // function, an argument or a result can't travel, with what is in its way.
  std::string bytes() const;
  // In the process that got them: runs them and gives the reply. What a task
  // throws travels in it. Throws std::runtime_error if the bytes are of another
  // program, build or version; nothing ran then.
  static std::string run_bytes(const std::string& bytes);
  // Reports what run_bytes() answered there; if it is no such reply, that its
  // tasks failed with BrokenProcessPool.
  void finish(const std::string& reply);

 private:
  friend class internal::BatchReceiver;
  Batch(std::shared_ptr<internal::BatchReceiver> receiver,
        internal::BatchState* state)
      : receiver_(std::move(receiver)), state_(state) {}
  internal::BatchState* Report();

  std::shared_ptr<internal::BatchReceiver> receiver_;
  internal::BatchState* state_ = nullptr;  // Null: empty or reported.
};

}  // namespace joblib

#endif  // JOBLIB_CORE_BATCH_H_
