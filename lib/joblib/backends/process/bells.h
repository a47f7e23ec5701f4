// Bells: one word for each calling thread at work, in a page that all workers
// map. Its owner sleeps on it; workers and the keeper ring it.
//
// A word is count * 2 + asleep: the flag and what is slept on are one, so that
// a waker that is slow between two steps can't clear the flag of the next
// sleep. A worker gone wild may clear anybody's: nobody sleeps long without
// looking again.
#ifndef JOBLIB_BACKENDS_PROCESS_BELLS_H_
#define JOBLIB_BACKENDS_PROCESS_BELLS_H_

#include <atomic>
#include <chrono>
#include <cstdint>

#include "absl/status/statusor.h"
#include "native/shared_memory.h"

namespace joblib::internal {

class Bell {
 public:
  // Any process: `always`, or only if somebody sleeps on it.
  void Ring(bool always);
  // The owner, in this order: Listen, look for work, Announce, look once more
  // (whoever looked for a sleeper before that has brought something), and then
  // Wait or, if there is work, Retract.
  std::uint32_t Listen() const {
    return word_.load(std::memory_order_seq_cst) & ~kAsleepBit;
  }
  // False: it was rung since Listen() gave `heard`.
  bool Announce(std::uint32_t heard) {
    return word_.compare_exchange_strong(heard, heard | kAsleepBit);
  }
  void Retract() { word_.fetch_and(~kAsleepBit); }
  // Sleeps until it is rung, or for `timeout`.
  void Wait(std::uint32_t heard, std::chrono::nanoseconds timeout);
  bool RungSince(std::uint32_t heard) const {
    return (word_.load(std::memory_order_relaxed) & ~kAsleepBit) != heard;
  }

 private:
  static constexpr std::uint32_t kAsleepBit = 1;

  alignas(64) std::atomic<std::uint32_t> word_{0};
};

// The bells of this process's calls, or, in a worker, of its parent's.
class BellPage {
 public:
  static constexpr std::uint32_t kBells = 16384;

  BellPage() = default;
  static absl::StatusOr<BellPage> Create();
  static absl::StatusOr<BellPage> Open(int fd);

  int fd() const { return memory_.fd(); }
  // Whether a worker can still be given it: see SharedMemory::IsOurs.
  bool IsWhole() const { return memory_.IsOurs(); }
  // Any index is good.
  Bell& at(std::uint32_t index) const {
    return reinterpret_cast<Bell*>(map_.data())[index % kBells];
  }

 private:
  native::SharedMemory memory_;
  native::Mapping map_;
};

}  // namespace joblib::internal

#endif  // JOBLIB_BACKENDS_PROCESS_BELLS_H_
