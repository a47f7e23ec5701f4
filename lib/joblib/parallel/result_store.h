// ResultStore: results of a list call, built in place by the workers: of any
// type, bool included. Where their number is known and they are plain values,
// in the list itself; else in uninitialised blocks that never move.
//
// A block has at most 1 MiB (unless one batch's results need more) and goes
// back to the system as soon as its results were moved out, so that the list
// and the blocks never exist twice.
//
// Thread-safety: none; the slots handed out are written by other threads.
#ifndef JOBLIB_PARALLEL_RESULT_STORE_H_
#define JOBLIB_PARALLEL_RESULT_STORE_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>
#include <vector>

#include "joblib/parallel/raw_array.h"

namespace joblib::internal {

inline constexpr std::size_t kMaxBlockBytes = std::size_t{1} << 20;
// Of results in their list at once: above, to fill it with zeros first would
// keep the call waiting.
inline constexpr std::size_t kMaxDirectBytes = std::size_t{64} << 20;

template <class Slot>
class ResultStore {
 public:
  // `expected`: how many results there will be, if that is known, else 0.
  explicit ResultStore(std::size_t expected) : expected_(expected) {
    if constexpr (kPlain) {
      if (expected <= kMaxDirectBytes / sizeof(Slot)) list_.resize(expected);
    }
  }
  ResultStore(const ResultStore&) = delete;
  ~ResultStore() { Clear(); }

  static constexpr std::size_t kMaxBlock =
      std::max<std::size_t>(1, kMaxBlockBytes / sizeof(Slot));

  // n consecutive slots, to be constructed by others.
  Slot* Reserve(std::size_t n) {
    if constexpr (kPlain) {
      if (blocks_.empty() && n <= list_.size() - total_) {
        total_ += n;
        return list_.data() + total_ - n;
      }
    }
    if (blocks_.empty() ||
        blocks_.back().memory.size() - blocks_.back().used < n) {
      const std::size_t grown =
          blocks_.empty() ? 64 : 2 * blocks_.back().memory.size();
      const std::size_t wish = expected_ > total_ ? expected_ - total_ : grown;
      blocks_.push_back(
          {RawArray<Slot>(std::max(n, std::min(wish, kMaxBlock))), 0});
    }
    Block& block = blocks_.back();
    Slot* const first = block.memory.data() + block.used;
    block.used += n;
    total_ += n;
    return first;
  }
  // Gives the last n slots of the last Reserve back.
  void Unreserve(std::size_t n) {
    if (!blocks_.empty()) blocks_.back().used -= n;
    total_ -= n;
  }
  // These slots were never constructed, or are somebody else's now.
  void LeaveOut(Slot* first, std::size_t n) {
    if (n > 0) holes_.emplace_back(first, first + n);
  }

  // The blocks stay until the store dies: left-out slots are still written.
  void KeepMemory() { keep_memory_ = true; }
  // Calls take(result&&) for each constructed slot in order, or missing() for
  // one that was left out, and frees the memory on the way.
  template <class Take, class Missing>
  void TakeAll(Take take, Missing missing) {
    std::sort(holes_.begin(), holes_.end());
    for (Block& block : blocks_) {
      Slot* const begin = block.memory.data();
      // Where taking throws, the rest is destroyed: of this block here, of the
      // others with the store.
      const std::size_t used = std::exchange(block.used, 0);
      Slot* next = begin;
      try {
        ForEachSlot(
            begin, begin + used,
            [&](Slot* slot) {
              next = slot;
              take(std::move(*slot));
              slot->~Slot();
              next = slot + 1;
            },
            missing);
      } catch (...) {
        ForEachSlot(
            next, begin + used, [](Slot* slot) { slot->~Slot(); }, [] {});
        throw;
      }
      if (!keep_memory_) RawArray<Slot>(std::move(block.memory));
    }
    if (!keep_memory_) blocks_.clear();
    holes_.clear();
  }
  // All results, where none is missing.
  std::vector<Slot> TakeVector() {
    if constexpr (kPlain) {
      std::size_t in_list = total_;
      for (const Block& block : blocks_) in_list -= block.used;
      list_.resize(in_list);
      list_.reserve(total_);
      for (Block& block : blocks_) {
        Slot* const begin = block.memory.data();
        list_.insert(list_.end(), begin, begin + block.used);
        RawArray<Slot>(std::move(block.memory));
      }
      blocks_.clear();
      return std::move(list_);
    } else {
      std::vector<Slot> results;
      results.reserve(total_);
      TakeAll([&](Slot&& slot) { results.push_back(std::move(slot)); }, [] {});
      return results;
    }
  }

 private:
  // A deleted copy is trivial, too. A vector of bool has no slots.
  static constexpr bool kPlain =
      std::is_trivially_copyable_v<Slot> &&
      std::is_trivially_default_constructible_v<Slot> &&
      std::is_copy_constructible_v<Slot> && std::is_copy_assignable_v<Slot> &&
      !std::is_same_v<Slot, bool>;

  struct Block {
    RawArray<Slot> memory;
    std::size_t used;
  };

  template <class Present, class Absent>
  void ForEachSlot(Slot* begin, Slot* end, Present present, Absent absent) {
    auto hole =
        std::lower_bound(holes_.begin(), holes_.end(), begin,
                         [](const auto& h, Slot* p) { return h.second <= p; });
    for (Slot* slot = begin; slot != end; ++slot) {
      while (hole != holes_.end() && hole->second <= slot) ++hole;
      if (hole != holes_.end() && hole->first <= slot && slot < hole->second) {
        absent();
      } else {
        present(slot);
      }
    }
  }
  void Clear() {
    if constexpr (!std::is_trivially_destructible_v<Slot>) {
      std::sort(holes_.begin(), holes_.end());
      for (Block& block : blocks_) {
        ForEachSlot(
            block.memory.data(), block.memory.data() + block.used,
            [](Slot* slot) { slot->~Slot(); }, [] {});
      }
    }
  }

  const std::size_t expected_;
  std::vector<Slot> list_;  // kPlain only.
  std::vector<Block> blocks_;
  std::vector<std::pair<Slot*, Slot*>> holes_;
  std::size_t total_ = 0;
  bool keep_memory_ = false;
};

}  // namespace joblib::internal

#endif  // JOBLIB_PARALLEL_RESULT_STORE_H_
