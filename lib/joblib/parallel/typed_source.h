// The typed shell around the dispatcher: reads delayed calls from a range into
// blocks, runs them, and keeps their results. One virtual call per batch, none
// per task.
#ifndef JOBLIB_PARALLEL_TYPED_SOURCE_H_
#define JOBLIB_PARALLEL_TYPED_SOURCE_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <iterator>
#include <memory>
#include <new>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

#include "joblib/core/outcome.h"
#include "joblib/delayed.h"
#include "joblib/each.h"
#include "joblib/parallel/result_store.h"
#include "joblib/parallel/task_source.h"

namespace joblib::internal {

template <class Tasks>
concept TaskRange = kDelayed<ElementOf<Tasks>>;
template <TaskRange Tasks>
using ResultOf = typename ElementOf<Tasks>::result_type;

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
  Slot* slots() const { return slots_; }

 private:
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

// Tasks: an lvalue reference to the range of calls, or the range itself.
template <class Tasks, Keep kKeep>
class TypedSource final : public TaskSource {
 public:
  using Range = std::remove_reference_t<Tasks>;
  using Call = ElementOf<Range>;
  using R = typename Call::result_type;
  using Block = TypedBlock<Call, kKeep>;
  using Slot = typename Block::Slot;

  explicit TypedSource(Tasks&& tasks)
      : input_(std::in_place, std::forward<Tasks>(tasks)),
        n_tasks_(SizeOf(input_->tasks)),
        store_(kStores && n_tasks_ > 0 ? static_cast<std::size_t>(n_tasks_)
                                       : 0) {}

  // The length of `tasks`, -1 if it does not tell.
  static std::int64_t SizeOf(const Range& tasks) {
    if constexpr (Sized<Range>) {
      return static_cast<std::int64_t>(std::size(tasks));
    }
    return -1;
  }

  std::int64_t n_tasks() const override { return n_tasks_; }
  std::uint32_t max_read() const override {
    return static_cast<std::uint32_t>(
        kStores ? std::min<std::size_t>(kMaxRead, ResultStore<Slot>::kMaxBlock)
                : kMaxRead);
  }
  std::unique_ptr<TaskBlock> Read(std::uint32_t n,
                                  std::unique_ptr<TaskBlock> recycled,
                                  bool* at_end) override {
    Input& input = *input_;
    if (input.position == input.end) return nullptr;
    std::unique_ptr<Block> block(static_cast<Block*>(recycled.release()));
    if (block == nullptr || block->capacity() < n) {
      block = std::make_unique<Block>(
          n_tasks_ < 0
              ? n
              : std::min<std::uint64_t>(
                    n, static_cast<std::uint64_t>(
                           std::max<std::int64_t>(n_tasks_ - next_, 1))));
    }
    n = std::min(n, static_cast<std::uint32_t>(block->capacity()));
    Slot* slots = nullptr;
    if constexpr (kStores) slots = store_.Reserve(n);
    block->Begin(next_, slots);
    try {
      block->template Fill<kMoves>(n, input.position, input.end);
    } catch (...) {
      // Whatever was read before was not, as far as the call goes.
      if constexpr (kStores) store_.Unreserve(n);
      throw;
    }
    if constexpr (kStores) store_.Unreserve(n - block->size);
    next_ += block->size;
    *at_end = next_ == n_tasks_ && input.position == input.end;
    return block;
  }
  void LeaveOut(TaskBlock& block, std::uint32_t begin,
                std::uint32_t end) override {
    if constexpr (kStores) {
      store_.LeaveOut(static_cast<Block&>(block).slots() + begin, end - begin);
    }
  }
  void DropResults() override {
    if constexpr (kStores) {
      store_.KeepMemory();
      store_.TakeAll([](Slot&&) {}, [] {});
    }
  }
  void CloseInput() override { input_.reset(); }

  ResultStore<Slot>& store() { return store_; }

 private:
  static constexpr bool kStores =
      kKeep == Keep::kOutcomes ||
      (kKeep == Keep::kResults && !std::is_void_v<R>);
  // The calls of a vector that was given away are ours to move from; of another
  // range nobody knows whose they are.
  static constexpr bool kMoves = std::is_same_v<Tasks, std::vector<Call>>;
  // Calls that are read together stay in a core's cache.
  static constexpr std::size_t kMaxCallBytes = std::size_t{128} << 10;
  static constexpr std::size_t kMaxRead =
      std::clamp<std::size_t>(kMaxCallBytes / sizeof(Call), 1, 65536);

  struct Input {
    explicit Input(Tasks&& t)
        : tasks(std::forward<Tasks>(t)),
          position(std::begin(tasks)),
          end(std::end(tasks)) {}
    Tasks tasks;
    IteratorOf<Range> position;
    SentinelOf<Range> end;
  };

  std::optional<Input> input_;
  const std::int64_t n_tasks_;
  std::int64_t next_ = 0;  // Index of the next task.
  ResultStore<Slot> store_;
};

}  // namespace joblib::internal

#endif  // JOBLIB_PARALLEL_TYPED_SOURCE_H_
