#include "joblib/backends/process/shared_memory_value.h"

#include <atomic>
#include <cstring>
#include <new>
#include <string>
#include <utility>

#include "absl/base/const_init.h"
#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "joblib/core/array_memory.h"
#include "joblib/core/errors.h"
#include "native/thread.h"

namespace joblib::internal {
namespace {

std::atomic<std::uint64_t> next_number{1};

// Of all values that ever ended: 8 bytes each, for as long as the program runs.
ABSL_CONST_INIT absl::Mutex dead_mu(absl::kConstInit);
std::atomic<std::size_t> n_dead{0};
std::vector<std::uint64_t>* dead_numbers ABSL_GUARDED_BY(dead_mu) = nullptr;

// Held by no thread that a child of a fork() does not have.
[[maybe_unused]] const absl::Status no_fork_meanwhile =
    native::OnFork([]() ABSL_NO_THREAD_SAFETY_ANALYSIS { dead_mu.Lock(); },
                   []() ABSL_NO_THREAD_SAFETY_ANALYSIS { dead_mu.Unlock(); },
                   []() ABSL_NO_THREAD_SAFETY_ANALYSIS { dead_mu.Unlock(); });

// Encodes a value into memory of its own, values within it shared as `share`
// does.
class ValueBytes final : public ByteSink {
 public:
  using Share_ =
      std::function<std::uint64_t(const std::shared_ptr<SharedSlot>&,
                                  const std::function<void(ByteWriter&)>&)>;
  explicit ValueBytes(const Share_& share) : share_(share) {}

  std::byte* Grow(std::byte* begin, std::size_t used, std::size_t needed,
                  std::byte** end) override {
    return heap_.Grow(begin, used, needed, end);
  }
  std::uint64_t Share(const std::shared_ptr<SharedSlot>& slot,
                      const std::function<void(ByteWriter&)>& encode) override {
    const std::uint64_t number = share_(slot, encode);
    const std::lock_guard<std::mutex> lock(slot->mu);
    inner_.push_back(std::static_pointer_cast<SharedMemoryValue>(slot->memory));
    return number;
  }
  std::vector<std::shared_ptr<SharedMemoryValue>> TakeInner() {
    return std::move(inner_);
  }
  bool ShareArray(const std::shared_ptr<ArrayMemory>& memory,
                  const ArrayPiece& /*piece*/, ArrayRef* /*ref*/) override {
    if (memory->descriptor < 0) return false;
    throw PicklingError(
        "A joblib::Array that maps a file or is in shared memory can't travel "
        "within a joblib::Shared: pass it beside.");
  }

 private:
  HeapBytes heap_;
  const Share_& share_;
  std::vector<std::shared_ptr<SharedMemoryValue>> inner_;
};

}  // namespace

std::uint64_t NewSharedNumber() { return next_number++; }

void EndSharedNumber(std::uint64_t number) {
  absl::MutexLock lock(&dead_mu);
  if (dead_numbers == nullptr) dead_numbers = new std::vector<std::uint64_t>;
  dead_numbers->push_back(number);
  n_dead.store(dead_numbers->size(), std::memory_order_release);
}

SharedMemoryValue::~SharedMemoryValue() { EndSharedNumber(number); }

std::shared_ptr<SharedMemoryValue> SharedMemoryValue::Of(
    SharedSlot& slot, const std::function<void(ByteWriter&)>& encode,
    const std::function<std::uint64_t(const std::shared_ptr<SharedSlot>&,
                                      const std::function<void(ByteWriter&)>&)>&
        share) {
  const std::lock_guard<std::mutex> lock(slot.mu);
  if (slot.memory != nullptr) {
    return std::static_pointer_cast<SharedMemoryValue>(slot.memory);
  }
  ValueBytes bytes(share);
  ByteWriter writer(&bytes, nullptr, nullptr);
  encode(writer);
  auto value = std::make_shared<SharedMemoryValue>();
  value->number = NewSharedNumber();
  value->bytes = writer.size();
  absl::StatusOr<native::SharedMemory> memory = native::SharedMemory::Create(
      "joblib-shared", std::max<std::size_t>(writer.size(), 1));
  if (!memory.ok()) throw PicklingError(std::string(memory.status().message()));
  if (const absl::Status room = memory->Reserve(0, memory->bytes());
      !room.ok()) {
    throw PicklingError(std::string(room.message()));
  }
  {
    absl::StatusOr<native::Mapping> map =
        native::Mapping::Map(*memory, 0, memory->bytes());
    if (!map.ok()) throw PicklingError(std::string(map.status().message()));
    if (writer.size() > 0) {
      std::memcpy(map->data(), writer.begin(), writer.size());
    }
  }
  if (const absl::Status sealed = memory->SealContent(); !sealed.ok()) {
    throw PicklingError(std::string(sealed.message()));
  }
  value->memory = *std::move(memory);
  value->inner = bytes.TakeInner();
  slot.number = value->number;
  slot.memory = value;
  return value;
}

std::size_t CountDeadNumbers() {
  return n_dead.load(std::memory_order_acquire);
}

std::vector<std::uint64_t> DeadNumbersSince(std::size_t* seen) {
  if (CountDeadNumbers() == *seen) return {};
  absl::MutexLock lock(&dead_mu);
  if (dead_numbers == nullptr || *seen >= dead_numbers->size()) return {};
  std::vector<std::uint64_t> fresh(
      dead_numbers->begin() + static_cast<std::ptrdiff_t>(*seen),
      dead_numbers->end());
  *seen = dead_numbers->size();
  return fresh;
}

}  // namespace joblib::internal
