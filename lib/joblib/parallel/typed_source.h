// The typed shell around the dispatcher: reads delayed calls from a range into
// blocks (typed_block.h) and keeps their results.
#ifndef JOBLIB_PARALLEL_TYPED_SOURCE_H_
#define JOBLIB_PARALLEL_TYPED_SOURCE_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

#include "joblib/delayed.h"
#include "joblib/each.h"
#include "joblib/parallel/result_store.h"
#include "joblib/parallel/task_source.h"
#include "joblib/parallel/typed_block.h"

namespace joblib::internal {

template <class Tasks>
concept TaskRange = kDelayed<ElementOf<Tasks>>;
template <TaskRange Tasks>
using ResultOf = typename ElementOf<Tasks>::result_type;

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
