// TypedBlock: delayed calls of one type that were read together: runs them, or
// sends them to other processes, and keeps their results. One virtual call per
// batch where they run here, two per task where they run elsewhere.
#ifndef JOBLIB_PARALLEL_TYPED_BLOCK_H_
#define JOBLIB_PARALLEL_TYPED_BLOCK_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <new>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

#include "joblib/core/batch_state.h"
#include "joblib/core/outcome.h"
#include "joblib/parallel/raw_array.h"
#include "joblib/parallel/shipped_call.h"

namespace joblib::internal {

// What becomes of results.
enum class Keep {
  kResults,   // A list: built in the slots of a ResultStore.
  kOutcomes,  // collect: the same, errors included.
  kStream,    // A generator: in the block, taken one by one.
};

template <class R, Keep kKeep>
using SlotOf = std::conditional_t<
    kKeep == Keep::kOutcomes, Outcome<R>,
    std::conditional_t<
        kKeep == Keep::kStream,
        std::optional<std::conditional_t<std::is_void_v<R>, Nothing, R>>,
        std::conditional_t<std::is_void_v<R>, Nothing, R>>>;

// Builds the result of `call` at `slot`, or throws.
template <class R, Keep kKeep, class Call>
void RunInto(Call&& call, SlotOf<R, kKeep>* slot) {
  using Slot = SlotOf<R, kKeep>;
  if constexpr (kKeep == Keep::kOutcomes) {
    try {
      if constexpr (std::is_void_v<R>) {
        std::move(call)();
        ::new (slot) Slot();
      } else {
        ::new (slot) Slot(std::move(call)());
      }
    } catch (...) {
      ::new (slot) Slot(std::current_exception());
    }
  } else if constexpr (kKeep == Keep::kStream) {
    if constexpr (std::is_void_v<R>) {
      std::move(call)();
      slot->emplace();
    } else {
      slot->emplace(std::move(call)());
    }
  } else if constexpr (std::is_void_v<R>) {
    std::move(call)();
  } else {
    ::new (slot) Slot(std::move(call)());
  }
}

template <class Call, Keep kKeep>
class TypedBlock final : public TaskBlock {
 public:
  using R = typename Call::result_type;
  using Slot = SlotOf<R, kKeep>;

  explicit TypedBlock(std::size_t capacity)
      : capacity_(std::max(capacity, kFewCalls)) {
    if (capacity_ > kFewCalls) many_calls_ = RawArray<Call>(capacity_);
    calls_ = capacity_ > kFewCalls ? many_calls_.data()
                                   : reinterpret_cast<Call*>(few_calls_);
    if constexpr (kKeep == Keep::kStream) own_.resize(capacity_);
  }

  std::size_t capacity() const { return capacity_; }
  void Begin(std::int64_t first_task, Slot* slots) {
    first = first_task;
    size = 0;
    if constexpr (kKeep == Keep::kStream) {
      slots_ = own_.data();
    } else {
      slots_ = slots;
    }
  }
  // Reads up to n calls from `position` on, which it moves on. What throws
  // leaves none.
  template <bool kMove, class Position, class End>
  void Fill(std::uint32_t n, Position& position, const End& end) {
    // Copies, where that is all the same, stay in registers.
    constexpr bool kCopies = std::is_trivially_copyable_v<Position> &&
                             std::is_copy_assignable_v<Position>;
    std::conditional_t<kCopies, Position, Position&> at = position;
    Call* const calls = calls_;
    std::uint32_t filled = 0;
    try {
      for (; filled < n && !(at == end); ++at) {
        if constexpr (kMove) {
          ::new (calls + filled) Call(std::move(*at));
        } else {
          ::new (calls + filled) Call(*at);
        }
        ++filled;
      }
    } catch (...) {
      std::destroy_n(calls, filled);
      throw;
    }
    if constexpr (kCopies) position = at;
    size = filled;
  }
  void Run(BatchState& batch) noexcept override {
    std::uint32_t i;
    while (batch.Claim(&i)) {
      Call& call = calls_[i];
      if constexpr (kKeep == Keep::kOutcomes) {
        RunInto<R, kKeep>(std::move(call), SlotAt(i));
      } else {
        try {
          RunInto<R, kKeep>(std::move(call), SlotAt(i));
        } catch (...) {
          call.~Call();
          batch.Fail(i, std::current_exception());
          return;
        }
      }
      call.~Call();
    }
  }
  void Discard(std::uint32_t begin, std::uint32_t end,
               const std::exception_ptr& error) noexcept override {
    for (std::uint32_t i = begin; i < end; ++i) {
      calls_[i].~Call();
      if constexpr (kKeep == Keep::kOutcomes) {
        if (error != nullptr) ::new (SlotAt(i)) Slot(error);
      }
    }
  }
  void DestroyResults(std::uint32_t begin,
                      std::uint32_t end) noexcept override {
    if constexpr (kKeep == Keep::kStream) {
      for (std::uint32_t i = begin; i < end; ++i) slots_[i].reset();
    } else if constexpr (kHasSlots) {
      std::destroy(SlotAt(begin), SlotAt(end));
    }
  }
  bool HasError(std::uint32_t index) const noexcept override {
    if constexpr (kKeep == Keep::kOutcomes) return !slots_[index].has_value();
    return false;
  }
  bool ReplaceResult(std::uint32_t index,
                     const std::exception_ptr& error) noexcept override {
    if constexpr (kKeep == Keep::kOutcomes) {
      std::destroy_at(SlotAt(index));  // R need not be assignable.
      ::new (SlotAt(index)) Slot(error);
    }
    return kKeep == Keep::kOutcomes;
  }
  const ShippedRunner& Runner() const override {
    if constexpr (kShipsCall<Call>) {
      return kShippedRunner<Call>;
    } else {
      CallCodec<Call>::ThrowCantShip();
    }
  }
  void Encode([[maybe_unused]] std::uint32_t index,
              [[maybe_unused]] ByteWriter& out) const override {
    if constexpr (kShipsCall<Call>) {
      EncodeCall(calls_[index], out);
    } else {
      CallCodec<Call>::ThrowCantShip();
    }
  }
  void RunEncoded([[maybe_unused]] std::uint32_t index,
                  [[maybe_unused]] ByteWriter& out) override {
    if constexpr (!kShipsResult) {
      CallCodec<Call>::ThrowCantShip();
    } else if constexpr (std::is_void_v<R>) {
      std::move(calls_[index])();
    } else {
      EncodeResult<R>(std::move(calls_[index])(), out);
    }
  }
  void Decode([[maybe_unused]] std::uint32_t index,
              [[maybe_unused]] ByteReader& result) override {
    if constexpr (kShipsResult) {
      ReadInto(SlotAt(index), result);
      calls_[index].~Call();
    } else {
      CallCodec<Call>::ThrowCantShip();
    }
  }
  bool SetError(std::uint32_t index,
                const std::exception_ptr& error) noexcept override {
    if constexpr (kKeep == Keep::kOutcomes) {
      ::new (SlotAt(index)) Slot(error);
      calls_[index].~Call();
    }
    return kKeep == Keep::kOutcomes;
  }
  Slot* slots() const { return slots_; }

 private:
  static void ReadInto([[maybe_unused]] Slot* slot,
                       [[maybe_unused]] ByteReader& in) {
    if constexpr (std::is_void_v<R>) {
      if constexpr (kKeep == Keep::kStream) slot->emplace();
      if constexpr (kKeep == Keep::kOutcomes) ::new (slot) Slot();
    } else if constexpr (kKeep == Keep::kStream) {
      slot->emplace(DecodeResult<R>(in));
    } else {
      ::new (slot) Slot(DecodeResult<R>(in));
    }
  }

  static constexpr bool kShipsResult =
      ResultShipping<R>::obstacle == Obstacle::kNone;
  static constexpr bool kHasSlots =
      !(kKeep == Keep::kResults && std::is_void_v<R>);
  Slot* SlotAt(std::uint32_t i) {
    if constexpr (kHasSlots) return slots_ + i;
    return nullptr;
  }

  // A short call needs no further memory.
  static constexpr std::size_t kFewCalls =
      std::clamp<std::size_t>(128 / sizeof(Call), 1, 8);

  const std::size_t capacity_;
  Call* calls_;
  alignas(Call) std::byte few_calls_[kFewCalls * sizeof(Call)];
  RawArray<Call> many_calls_;
  std::vector<Slot> own_;  // Keep::kStream only.
  Slot* slots_ = nullptr;
};

}  // namespace joblib::internal

#endif  // JOBLIB_PARALLEL_TYPED_BLOCK_H_
