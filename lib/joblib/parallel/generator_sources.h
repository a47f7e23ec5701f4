// Where a Generator's results come from: a plain loop that runs one task for
// each result asked for, or a call on workers.
//
// Thread-safety: as Generator.
#ifndef JOBLIB_PARALLEL_GENERATOR_SOURCES_H_
#define JOBLIB_PARALLEL_GENERATOR_SOURCES_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

#include "joblib/parallel/call.h"
#include "joblib/parallel/generator.h"
#include "joblib/parallel/sequential_run.h"
#include "joblib/parallel/typed_source.h"

namespace joblib::internal {

template <class Tasks>
class SequentialStream final : public Generator<ResultOf<Tasks>>::Source {
  using R = ResultOf<Tasks>;
  using Value = std::conditional_t<std::is_void_v<R>, Nothing, R>;

 public:
  SequentialStream(Call call, Tasks&& tasks)
      : call_(std::move(call)),
        input_(std::forward<Tasks>(tasks), SequentialLoop(call_).batch_size()) {
  }

  std::optional<Value> Next() override {
    SequentialLoop& loop = Loop();
    loop.CheckStop();
    if (input_.AtEnd()) {
      loop.Finish();
      loop_.reset();
      call_.End();
      return std::nullopt;
    }
    return input_.WithNext([&](auto&& task) -> std::optional<Value> {
      const SequentialLoop::TaskScope scope(loop);
      if constexpr (std::is_void_v<R>) {
        std::move(task)();
        loop.EndTask();
        return Value();
      } else {
        std::optional<Value> value(std::move(task)());
        loop.EndTask();
        return value;
      }
    });
  }

 private:
  SequentialLoop& Loop() {
    if (loop_.has_value()) {
      loop_->Rebind();
    } else {
      loop_.emplace(call_);
    }
    return *loop_;
  }
  Call call_;
  SequentialInput<Tasks> input_;
  std::optional<SequentialLoop> loop_;
};

template <class Tasks>
class ParallelStream final : public Generator<ResultOf<Tasks>>::Source {
  using R = ResultOf<Tasks>;
  using Value = std::conditional_t<std::is_void_v<R>, Nothing, R>;
  using Block = TypedBlock<ElementOf<Tasks>, Keep::kStream>;

 public:
  ParallelStream(Call call, Tasks&& tasks) : call_(std::move(call)) {
    call_.Start(std::make_shared<TypedSource<Tasks, Keep::kStream>>(
        std::forward<Tasks>(tasks)));
  }

  std::optional<Value> Next() override {
    if (next_ == end_) {
      TaskBlock* block;
      if (!call_.Next(&block, &next_, &end_)) {
        call_.End();
        return std::nullopt;
      }
      block_ = static_cast<Block*>(block);
    }
    std::optional<Value>& slot = block_->slots()[next_++];
    std::optional<Value> value(std::move(slot));
    slot.reset();
    return value;
  }

 private:
  Call call_;
  Block* block_ = nullptr;
  std::uint32_t next_ = 0, end_ = 0;
};

}  // namespace joblib::internal

#endif  // JOBLIB_PARALLEL_GENERATOR_SOURCES_H_
