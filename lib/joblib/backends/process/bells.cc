#include "joblib/backends/process/bells.h"

#include <utility>

#include "native/shared_futex.h"

namespace joblib::internal {

void Bell::Ring(bool always) {
  std::uint32_t word = word_.load(std::memory_order_seq_cst);
  while (always || (word & kAsleepBit) != 0) {
    if (word_.compare_exchange_weak(word, (word & ~kAsleepBit) + 2)) {
      if ((word & kAsleepBit) != 0) native::SharedFutexWake(word_, 1);
      return;
    }
  }
}

void Bell::Wait(std::uint32_t heard, std::chrono::nanoseconds timeout) {
  native::SharedFutexWait(word_, heard | kAsleepBit, timeout);
  Retract();
}

absl::StatusOr<BellPage> BellPage::Create() {
  absl::StatusOr<native::SharedMemory> memory =
      native::SharedMemory::Create("joblib-bells", kBells * sizeof(Bell));
  if (!memory.ok()) return memory.status();
  // Without memfd it is a file: its room must be there before it is used.
  const absl::Status reserved = memory->Reserve(0, memory->bytes());
  if (!reserved.ok()) return reserved;
  absl::StatusOr<native::Mapping> map =
      native::Mapping::Map(*memory, 0, memory->bytes());
  if (!map.ok()) return map.status();
  BellPage page;
  page.memory_ = *std::move(memory);
  page.map_ = *std::move(map);
  return page;
}

absl::StatusOr<BellPage> BellPage::Open(int fd) {
  absl::StatusOr<native::SharedMemory> memory =
      native::SharedMemory::Adopt(fd, kBells * sizeof(Bell));
  if (!memory.ok()) return memory.status();
  absl::StatusOr<native::Mapping> map =
      native::Mapping::Map(*memory, 0, memory->bytes());
  if (!map.ok()) return map.status();
  BellPage page;
  page.memory_ = *std::move(memory);
  page.map_ = *std::move(map);
  return page;
}

}  // namespace joblib::internal
