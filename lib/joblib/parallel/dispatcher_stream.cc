// The results of a generator, one by one.
#include <algorithm>
#include <exception>
#include <string>

#include "absl/strings/str_cat.h"
#include "joblib/core/errors.h"
#include "joblib/core/warning.h"
#include "joblib/parallel/dispatcher.h"

namespace joblib::internal {
namespace {

// HAZARDS.md T1: no task, nor its result, waits longer behind another one.
constexpr std::chrono::milliseconds kReaderPatience{1};

}  // namespace

// Where the results of `batch` that exist end.
std::uint32_t Dispatcher::Ready(const Tracked& batch) const {
  if (!batch.running) return batch.done;
  // The runner has published what came before the task it claimed last.
  const std::uint32_t claimed =
      NextOf(const_cast<Tracked&>(batch)).load(std::memory_order_acquire);
  return std::clamp(claimed > 0 ? claimed - 1 : 0, batch.done, batch.end);
}

bool Dispatcher::FindResults(Results* results) {
  Tracked* found = nullptr;
  if (plan_.return_as == ReturnAs::kGenerator) {
    for (auto it = by_first_.begin(); it != by_first_.end();) {
      Tracked* const batch = it->second;
      if (batch->taken < batch->end) {
        if (batch->block->first + batch->taken == next_task_) found = batch;
        break;
      }
      // All of it was taken, maybe a moment before its runner reported it.
      if (batch->in_flight) {
        ++it;
      } else {
        it = by_first_.erase(it);
        Release(*batch);
      }
    }
  } else if (!finished_.empty()) {
    found = finished_.front();
    finished_.pop_front();
  } else {
    for (Tracked* batch : running_) {
      if (Ready(*batch) > batch->taken) {
        found = batch;
        break;
      }
    }
  }
  if (found == nullptr) return false;
  const std::uint32_t end = Ready(*found);
  if (end == found->taken) {
    // Nothing (more) in it: a finished one whose results were all taken.
    if (plan_.return_as == ReturnAs::kGeneratorUnordered) {
      Release(*found);
      return FindResults(results);
    }
    return false;
  }
  *results = {found->block, found->taken, end};
  current_ = found;
  current_end_ = end;
  return true;
}

void Dispatcher::GiveBackCurrent() {
  if (current_ == nullptr) return;
  Tracked& batch = *std::exchange(current_, nullptr);
  const std::uint32_t n = current_end_ - batch.taken;
  batch.taken = current_end_;
  next_task_ = batch.block->first + batch.taken;
  consumed_ += n;
  window_.Taken(n);
  if (batch.in_flight || (batch.taken < batch.end && !aborted_)) return;
  by_first_.erase(batch.block->first + batch.begin);
  // If it ended after its results were taken it is listed once more.
  const auto listed = std::find(finished_.begin(), finished_.end(), &batch);
  if (listed != finished_.end()) finished_.erase(listed);
  Release(batch);
}

void Dispatcher::AskForResults() {
  reader_waits_ = true;
  for (Tracked* batch : running_) {
    if (Unclaimed(*batch) > 0) LimitOf(*batch).store(0);
  }
}

// What is still in flight (after a timeout) is released when it ends.
void Dispatcher::DropResults() {
  for (const auto& [first, batch] : by_first_) {
    if (!batch->in_flight) Release(*batch);
  }
  for (Tracked* batch : finished_) Release(*batch);
  by_first_.clear();
  finished_.clear();
}

bool Dispatcher::Next(Results* results) {
  std::exception_ptr error;
  bool found = false;
  {
    absl::MutexLock lock(&mu_);
    GiveBackCurrent();
    reader_is_late_ = false;
    if (!aborted_) Dispatch(/*on_caller=*/true);
    while (!aborted_) {
      Report();
      if (aborted_) break;
      found = FindResults(results);
      if (found || Complete()) break;
      if (caller_reads_) Dispatch(/*on_caller=*/true);
      const std::optional<Clock::time_point> deadline = CheckDeadlines();
      if (aborted_ || Complete()) continue;
      if (HasNoWorker()) {
        HelpOnce();
        continue;
      }
      AskForResults();
      // A batch that begins or is shared out from now on does not know that the
      // reader waits: after a while it is to know.
      const Clock::time_point patience = Clock::now() + kReaderPatience;
      Sleep(reader_is_late_ || (deadline.has_value() && *deadline < patience)
                ? deadline
                : patience);
      reader_waits_ = false;
      reader_is_late_ |= Clock::now() >= patience;
    }
    if (found) return true;
    if (!aborted_) Report();
    if (aborted_) {
      Drain();
      error = std::exchange(error_, nullptr);
    }
    DropResults();
    closed_ = true;
  }
  LetGo();
  if (error != nullptr) std::rethrow_exception(std::move(error));
  return false;
}

void Dispatcher::Close() {
  std::string warning;
  {
    absl::MutexLock lock(&mu_);
    if (closed_) return;
    closed_ = true;
    GiveBackCurrent();
    AbortLocked(std::make_exception_ptr(
        CancelledError("The generator of this call was closed.")));
    const std::int64_t unused = completed_ - consumed_;
    if (unused > 0) {
      absl::StrAppend(&warning, unused,
                      " tasks have been successfully executed  but not used. "
                      "Additionally, ");
    }
    absl::StrAppend(&warning, dispatched_ - completed_,
                    " tasks which were still being processed by the workers "
                    "have been cancelled. You could benefit from adjusting the "
                    "input task iterator to limit unnecessary computation "
                    "time.");
    Drain();
    DropResults();
    error_ = nullptr;
  }
  LetGo();
  if (stream_) WarnQuietly(warning);
}

}  // namespace joblib::internal
