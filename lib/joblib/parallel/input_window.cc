#include "joblib/parallel/input_window.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace joblib::internal {
namespace {

// tests/benchmarks/dispatch_benchmark.cc: below 50 us batches are about as
// short as a wake-up, above 200 us nothing is gained.
constexpr double kThreadBatchSeconds = 100e-6;
constexpr std::uint32_t kMaxThreadBatch = 65536;
// From 1 task to 65536 in six batches.
constexpr std::uint32_t kMaxGrowth = 8;
// How many batches per worker the end of an input of known length is cut into.
constexpr std::int64_t kBatchesAtTheEnd = 4;
// Of a window without bound ("all"), as long as no duration is known.
constexpr std::int64_t kBlindBatch = 256;

constexpr std::int64_t kUnbounded = std::numeric_limits<std::int64_t>::max();

}  // namespace

void ThreadBatchSizer::Record(std::uint32_t n_tasks, double seconds) {
  if (n_tasks == 0) return;
  const double ideal = kThreadBatchSeconds * n_tasks / std::max(seconds, 1e-9);
  // A batch much smaller than the current size says little about growth.
  const std::uint32_t limit =
      n_tasks * 2 < size_ ? size_
                          : std::min(size_ * kMaxGrowth, kMaxThreadBatch);
  size_ = ideal < 1 ? 1
                    : std::min(static_cast<std::uint32_t>(
                                   std::min<double>(ideal, kMaxThreadBatch)),
                               limit);
}

InputWindow::InputWindow(const Options& options)
    : options_(options),
      auto_batch_(options.max_batch_seconds),
      slicer_(options.n_jobs, options.pre_dispatch),
      start_left_(options.pre_dispatch.value_or(kUnbounded)) {}

std::int64_t InputWindow::Room() const {
  if (options_.strict) {
    return options_.pre_dispatch.has_value()
               ? *options_.pre_dispatch - (dispatched_ - taken_)
               : kUnbounded;
  }
  if (starting_) return start_left_;
  return owed_ > 0 ? kUnbounded : 0;
}

std::uint32_t InputWindow::NextRead() {
  if (options_.sizes == Sizes::kThreads) return NextThreadRead();
  batch_size_ = options_.batch_size;
  if (options_.sizes == Sizes::kProcesses) {
    AutoBatch::Advice advice = auto_batch_.NextSize();
    if (!advice.message.empty()) message_ = std::move(advice.message);
    batch_size_ = static_cast<std::uint32_t>(
        std::min<std::int64_t>(advice.size, options_.max_read));
    if (options_.strict && options_.pre_dispatch.has_value()) {
      // Two batches for each worker are all that may be under way.
      const std::int64_t most =
          *options_.pre_dispatch / (std::int64_t{2} * options_.n_jobs);
      batch_size_ = static_cast<std::uint32_t>(
          std::clamp<std::int64_t>(most, 1, batch_size_));
    }
  }
  return static_cast<std::uint32_t>(std::min<std::int64_t>(
      slicer_.NextRead(
          starting_ ? Slicer::Reader::kStart : Slicer::Reader::kCompletion,
          batch_size_),
      std::numeric_limits<std::uint32_t>::max()));
}

std::uint32_t InputWindow::NextThreadRead() const {
  const std::int64_t left =
      options_.n_tasks < 0 ? kUnbounded : options_.n_tasks - dispatched_;
  // A call shorter than its window is shared out at once: a thread without work
  // takes its part from the others anyway, and so the last one is called only
  // when the calling thread has begun. Of a longer one two batches for each
  // worker are under way, so that nobody waits for the one who reads.
  const std::int64_t most = options_.pre_dispatch.value_or(kUnbounded);
  const bool is_short = options_.n_tasks >= 0 && options_.n_tasks <= most;
  const std::int64_t window = is_short ? options_.n_tasks : most;
  const std::int64_t n_batches =
      is_short ? std::max(1, options_.n_jobs - (options_.caller_helps ? 1 : 0))
               : std::int64_t{2} * options_.n_jobs;
  const std::int64_t share =
      std::clamp<std::int64_t>((window - 1) / n_batches + 1, 1, kBlindBatch);
  std::int64_t n = thread_sizer_.size();
  // The first window makes a batch for each worker, whatever has been measured
  // meanwhile: as many stay in flight to the end.
  if (starting_ && window < kUnbounded) n = share;
  n = std::min(
      n, std::max<std::int64_t>(starting_ ? share : 1,
                                left / (kBatchesAtTheEnd * options_.n_jobs)));
  if (options_.strict && options_.pre_dispatch.has_value()) {
    n = std::min(
        n, std::max<std::int64_t>(1, *options_.pre_dispatch /
                                         (std::int64_t{2} * options_.n_jobs)));
  }
  n = std::min({n, Room(), std::int64_t{options_.max_read}});
  return static_cast<std::uint32_t>(n);
}

InputWindow::BatchSizes InputWindow::Cut(std::uint32_t got) const {
  BatchSizes sizes;
  if (got == 0) return sizes;
  if (options_.sizes == Sizes::kThreads) {
    sizes.push_back(got);
    return sizes;
  }
  for (const std::int64_t size : slicer_.Cut(got)) {
    sizes.push_back(static_cast<std::uint32_t>(size));
  }
  return sizes;
}

void InputWindow::Dispatched(std::uint32_t n_tasks) {
  dispatched_ += n_tasks;
  if (options_.strict) return;
  if (starting_) {
    start_left_ -= n_tasks;
  } else {
    --owed_;
  }
}

void InputWindow::Completed(std::uint32_t n_tasks, double seconds,
                            double since_dispatch, bool asks_for_more) {
  if (options_.sizes == Sizes::kThreads) {
    thread_sizer_.Record(n_tasks, seconds);
  } else if (options_.sizes == Sizes::kProcesses) {
    auto_batch_.Completed(n_tasks, since_dispatch);
  }
  if (asks_for_more) ++owed_;
}

void InputWindow::Taken(std::int64_t n_tasks) { taken_ += n_tasks; }

}  // namespace joblib::internal
