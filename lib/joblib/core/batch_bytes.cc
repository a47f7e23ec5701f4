// Batches as bytes, for backends that users write.
//
//   bytes: header, build's landmark, runner, worker index,
//          errors_are_values, n, n times (length, call)
//   reply: header, process, n, n times (ok, length, result or exception)
#include "joblib/core/batch_bytes.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <exception>
#include <functional>
#include <stdexcept>
#include <string>

#include "joblib/core/batch.h"
#include "joblib/core/batch_state.h"
#include "joblib/core/byte_reader.h"
#include "joblib/core/byte_writer.h"
#include "joblib/core/code_refs.h"
#include "joblib/core/errors.h"
#include "joblib/core/exception_codec.h"
#include "joblib/core/outcome.h"
#include "joblib/core/shipped_runner.h"
#include "joblib/core/thread_state.h"

namespace joblib {
namespace internal {
namespace {

std::atomic<ShippedTaskConfig> the_task_config{nullptr};
std::atomic<ShippedProcessId> the_process_id{nullptr};

constexpr std::uint32_t kVersion = 2;
constexpr char kCalls[8] = {'j', 'l', 'c', 'a', 'l', 'l', 's', '\n'};
constexpr char kReplies[8] = {'j', 'l', 'r', 'e', 'p', 'l', 'y', '\n'};

// Where it lies tells one build of the program from another.
void Landmark() {}

void PutHeader(const char (&magic)[8], ByteWriter& out) {
  out.Write(magic, sizeof magic);
  out.Put(kVersion);
}

void CheckHeader(const char (&magic)[8], const char* whose, ByteReader& in) {
  char found[8] = {};
  if (in.left() >= sizeof found) in.Read(found, sizeof found);
  if (std::memcmp(found, magic, sizeof found) != 0) {
    throw DecodeError(std::string("These are no bytes of joblib::Batch::") +
                      whose + ".");
  }
  const auto version = in.Get<std::uint32_t>();
  if (version != kVersion) {
    throw DecodeError("These bytes of joblib::Batch::" + std::string(whose) +
                      " are of version " + std::to_string(version) +
                      " and this program reads version " +
                      std::to_string(kVersion) +
                      ": both sides have to be the same program.");
  }
}

// A length that is known once the rest is written.
class LengthBefore {
 public:
  explicit LengthBefore(ByteWriter& out) : out_(out) {
    out.Put(std::uint64_t{0});
    begin_ = out.size();
  }
  void End() {
    const std::uint64_t length = out_.size() - begin_;
    std::memcpy(out_.begin() + begin_ - sizeof length, &length, sizeof length);
  }
  void Restart() { out_.Truncate(begin_); }

 private:
  ByteWriter& out_;
  std::size_t begin_;
};

const std::byte* TakePart(ByteReader& in, std::size_t* n) {
  *n = static_cast<std::size_t>(in.GetCount(1));
  return in.Take(*n);
}

std::exception_ptr ReplyError(const char* what, const std::string& why) {
  return std::make_exception_ptr(
      BrokenProcessPool(std::string(what) + " (" + why + ")"));
}

// The answers in a reply, one after another.
class Reply {
 public:
  explicit Reply(const std::string& reply) : in_(reply.data(), reply.size()) {
    try {
      CheckHeader(kReplies, "run_bytes()", in_);
      process_ = in_.Get<std::int32_t>();
      left_ = in_.Get<std::uint32_t>();
    } catch (const DecodeError& e) {
      broken_ =
          ReplyError("The reply to a batch of tasks is not one.", e.what());
    }
  }
  // Null: the result of task `index` is in its place.
  std::exception_ptr Next(TaskBlock& block, std::uint32_t index) {
    if (broken_ != nullptr) return broken_;
    try {
      if (left_ == 0) throw DecodeError("it ends too early");
      --left_;
      const bool ok = in_.Get<std::uint8_t>() != 0;
      std::size_t n;
      const std::byte* const bytes = TakePart(in_, &n);
      ByteReader part(bytes, n);
      if (!ok) {
        return DecodeException(
            part, TaskFailure(block.first + index, process_, /*attempt=*/1));
      }
      try {
        block.Decode(index, part);
      } catch (...) {
        return ReplyError(
            "A result has failed to un-serialize. Please ensure that the "
            "objects returned by the function are always picklable.",
            ExceptionMessage(std::current_exception()));
      }
    } catch (const DecodeError& e) {
      broken_ =
          ReplyError("The reply to a batch of tasks is broken.", e.what());
    }
    return broken_;
  }

 private:
  ByteReader in_;
  std::int32_t process_ = 0;
  std::uint32_t left_ = 0;
  std::exception_ptr broken_;
};

}  // namespace

void SetShippedTaskConfig(ShippedTaskConfig task_config) {
  the_task_config.store(task_config);
}

void SetShippedProcessId(ShippedProcessId process_id) {
  the_process_id.store(process_id);
}

std::string RunBatchBytes(const std::string& bytes,
                          const std::function<void(std::uint32_t)>& begins,
                          std::chrono::nanoseconds task_timeout,
                          SharedValues* shared) {
  ByteReader in(bytes.data(), bytes.size());
  CodeRefs& code = TheCodeRefs();
  CheckHeader(kCalls, "bytes()", in);
  if (code.Find(in.Get<CodeRef>()) !=
      reinterpret_cast<const void*>(&Landmark)) {
    throw DecodeError(
        "These bytes of joblib::Batch::bytes() are of another build of the "
        "program: both sides have to be the same one.");
  }
  const ShippedRunner& runner = FindRunner(in.Get<CodeRef>());
  const auto worker_index = in.Get<std::int32_t>();
  const bool errors_are_values = in.Get<std::uint8_t>() != 0;
  const auto n = in.Get<std::uint32_t>();
  HeapBytes reply;
  ByteWriter& out = reply.writer();
  PutHeader(kReplies, out);
  const ShippedProcessId process_id = the_process_id.load();
  out.Put(static_cast<std::int32_t>(process_id != nullptr ? process_id() : 0));
  const std::size_t count_at = out.size();
  out.Put(n);
  const ShippedTaskConfig task_config = the_task_config.load();
  const ConfigRef config =
      task_config != nullptr ? task_config(/*nesting_level=*/1) : ConfigRef();
  std::uint32_t done = 0;
  for (bool ok = true; done < n && (ok || errors_are_values); ++done) {
    std::size_t length;
    const std::byte* const call = TakePart(in, &length);
    const std::size_t ok_at = out.size();
    out.Put(std::uint8_t{1});
    LengthBefore result(out);
    std::exception_ptr error;
    if (begins) begins(done);
    {
      TaskContext task;
      task.worker_index = worker_index;
      if (task_timeout.count() > 0) {
        task.deadline = std::chrono::steady_clock::now() + task_timeout;
      }
      const ThreadStateScope scope(config, &task);
      try {
        ByteReader part(call, length, shared);
        runner.run(part, out);
      } catch (...) {
        error = std::current_exception();
      }
    }
    ok = error == nullptr;
    if (!ok) {
      result.Restart();
      out.begin()[ok_at] = std::byte{0};
      EncodeException(error, out);
    }
    result.End();
  }
  std::memcpy(out.begin() + count_at, &done, sizeof done);
  return reply.Text();
}

void EncodeBatch(const Batch& batch, ByteWriter& out) {
  BatchState& state = BatchReceiver::StateOf(batch);
  const TaskBlock& block = *state.block;
  CodeRefs& code = TheCodeRefs();
  PutHeader(kCalls, out);
  out.Put(code.Of(reinterpret_cast<const void*>(&Landmark)));
  out.Put(RefOf(block.Runner()));
  BatchReceiver& receiver = *BatchReceiver::Of(batch);
  out.Put(std::int32_t{receiver.ShippedIndex(state)});
  out.Put(std::uint8_t{receiver.errors_are_values()});
  out.Put(state.end - state.begin);
  for (std::uint32_t i = state.begin; i < state.end; ++i) {
    LengthBefore length(out);
    block.Encode(i, out);
    length.End();
  }
}

}  // namespace internal

std::string Batch::bytes() const {
  if (state_ == nullptr) {
    throw std::logic_error("This joblib::Batch is empty or was reported.");
  }
  internal::HeapBytes bytes;
  internal::EncodeBatch(*this, bytes.writer());
  return bytes.Text();
}

std::string Batch::run_bytes(const std::string& bytes) {
  return internal::RunBatchBytes(bytes, nullptr, {});
}

void Batch::finish(const std::string& reply) {
  if (state_ == nullptr) Report();  // Throws.
  const std::shared_ptr<internal::BatchReceiver> receiver = receiver_;
  internal::BatchState& state = *state_;
  std::uint32_t done = state.begin;
  if (receiver->BeginReply(state)) {
    internal::Reply answers(reply);
    for (; done < state.end; ++done) {
      const std::exception_ptr error = answers.Next(*state.block, done);
      if (error != nullptr &&
          !receiver->ShippedTaskFailed(state, done, error)) {
        break;
      }
    }
  }
  receiver->FinishShipped(std::move(*this), done);
}

}  // namespace joblib
