// AutoBatch: how many tasks a batch should have, learnt from how long batches
// take: joblib's AutoBatchingMixin, for backends with a cost per batch.
//
//   AutoBatch auto_batch;
//   AutoBatch::Advice advice = auto_batch.NextSize();     // Before a dispatch.
//   ...
//   auto_batch.Completed(size_of_batch, seconds_it_took);  // After a batch.

#ifndef JOBLIB_CORE_AUTO_BATCH_H_
#define JOBLIB_CORE_AUTO_BATCH_H_

#include <cstdint>
#include <string>

namespace joblib::internal {

// Long enough to hide the cost of a dispatch to another process. In seconds,
// found by joblib's benchmarks/bench_auto_batching.py.
inline constexpr double kMinIdealBatchSeconds = 0.2;
// Short enough that no worker is left running alone for long. In seconds, of
// the same origin; less for Dask, as in joblib.
inline constexpr double kMaxIdealBatchSeconds = 2.0;
inline constexpr double kMaxIdealDaskBatchSeconds = 1.0;

// Thread-safety: like a plain struct. Times are in seconds, from the dispatch
// of a batch to its completion.
class AutoBatch {
 public:
  struct Advice {
    std::int64_t size = 1;  // Tasks in the next batch; at least 1.
    // Why the size has just changed, to be printed at verbose >= 10; else "".
    std::string message;
  };

  explicit AutoBatch(double max_ideal_seconds = kMaxIdealBatchSeconds)
      : max_ideal_seconds_(max_ideal_seconds) {}

  // Weighs what was measured since the last change of size.
  Advice NextSize();
  // A batch of another size than the current one tells nothing and is ignored.
  void Completed(std::int64_t size, double seconds);
  // As new: for the end of the call or session.
  void Reset();

  // The current size; unlike NextSize it changes nothing.
  std::int64_t size() const { return size_; }

 private:
  double max_ideal_seconds_;
  std::int64_t size_ = 1;
  double smoothed_seconds_ = 0;  // 0: no batch of this size has completed.
};

}  // namespace joblib::internal

#endif  // JOBLIB_CORE_AUTO_BATCH_H_
