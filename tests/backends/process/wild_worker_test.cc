// What a worker wrote, changed field by field: its owner reads some answer or
// refuses it, and touches nothing outside of the channel (asan sees).
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <ostream>
#include <stdexcept>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "joblib/backends/process/bells.h"
#include "joblib/backends/process/channel.h"
#include "joblib/backends/process/reply_writer.h"
#include "joblib/backends/process/result_pool.h"
#include "joblib/backends/process/shared_array.h"
#include "joblib/backends/process/worker_link.h"
#include "joblib/core/archive.h"
#include "joblib/core/array_memory.h"
#include "joblib/core/byte_reader.h"
#include "joblib/core/exception_codec.h"
#include "joblib/core/outcome.h"
#include "native/descriptor_socket.h"

namespace joblib::internal {
namespace {

using ::testing::ElementsAre;
using ::testing::StartsWith;

// The two ends of one channel in one process: the owner's as in a program, the
// worker's without its loop.
class Ends {
 public:
  Ends() : link_({}, 0) {
    EXPECT_TRUE(link_.Open().ok());
    bells_ = BellPage::Create().value();
    channel_ = Channel::Open(link_.channel().fd(), Nonce()).value();
    results_.emplace(&channel_.header().results);
    worker_.emplace(channel_, bells_, link_.workers_socket, &*results_);
    worker_->HandOverAbove(1000);
  }

  WorkerLink& owner() { return link_; }
  ReplyWriter& worker() { return *worker_; }
  std::byte* answers() { return channel_.result(0); }
  std::byte* arena() { return channel_.result_arena(); }
  ChannelHeader& header() { return channel_.header(); }

  void Ask() {
    ASSERT_TRUE(link_.SendControl(RequestKind::kForget, [](ByteWriter&) {}));
    link_.Publish();
  }
  // What the owner makes of the answers, a text for each; nullopt: refused.
  // `took_array` is called between the taking of an array and its reading.
  std::optional<std::vector<std::string>> Told(
      const std::function<void()>& took_array = [] {});

 private:
  std::uint64_t Nonce() { return link_.channel().header().nonce; }

  WorkerLink link_;
  BellPage bells_;
  Channel channel_;
  std::optional<ResultPool> results_;
  std::optional<ReplyWriter> worker_;
};

std::string TextOf(const Reply& reply,
                   const std::function<void()>& took_array) {
  KnownArrays arrays(reply.arrays);
  ByteReader in(reply.payload, reply.bytes, &arrays);
  if (reply.kind == ReplyKind::kWarning) {
    const std::string category = in.GetText();
    return category + ": " + in.GetText();
  }
  if (reply.kind == ReplyKind::kFailed) {
    return ExceptionMessage(DecodeException(in, TaskFailure(7, 1, 1)));
  }
  const bool has_array = in.Get<std::uint8_t>() != 0;
  std::string text = in.GetText();
  if (!has_array) return text;
  const std::shared_ptr<ArrayMemory> array =
      in.shared()->FindArray(in.Get<ArrayRef>().number);
  took_array();
  // All of it is there.
  const auto* const data =
      static_cast<const unsigned char*>(static_cast<const void*>(array->data));
  unsigned sum = 0;
  for (std::size_t i = 0; i < array->bytes; ++i) sum += data[i];
  return text + " " + std::to_string(sum);
}

std::optional<std::vector<std::string>> Ends::Told(
    const std::function<void()>& took_array) {
  std::vector<std::string> told;
  try {
    link_.Drain([&](const Sent&, const Reply& reply) {
      try {
        told.push_back(TextOf(reply, took_array));
      } catch (const std::exception& error) {
        told.push_back(std::string("no result: ") + error.what());
      }
    });
  } catch (const DecodeError&) {
    return std::nullopt;
  }
  return told;
}

void PutText(bool has_array, const std::string& text, ByteWriter& out) {
  out.Put(std::uint8_t{has_array});
  out.PutText(text);
}

// ---- What a worker may say.

struct Answer {
  const char* name;
  void (*write)(ReplyWriter& worker);
};
void PrintTo(const Answer& answer, std::ostream* out) { *out << answer.name; }

void Result(ReplyWriter& worker) {
  worker.Begin();
  PutText(false, "a result", worker.writer());
  worker.Publish();
}

void Timed(ReplyWriter& worker) {
  worker.Begin();
  worker.writer().Put(TaskTimes{});
  PutText(false, "a result", worker.writer());
  worker.SetTimes({1000, 2000});
  worker.Publish();
}

void Large(ReplyWriter& worker) {
  worker.Begin();
  PutText(false, std::string(kMaxInline + 100, 'x'), worker.writer());
  worker.Publish();
}

void Failed(ReplyWriter& worker) {
  worker.Begin();
  try {
    try {
      throw std::out_of_range("within");
    } catch (...) {
      std::throw_with_nested(std::runtime_error("an error"));
    }
  } catch (...) {
    worker.Fail(std::current_exception());
  }
  worker.Publish();
}

void Warned(ReplyWriter& worker) {
  worker.Begin();
  PutText(false, "a result", worker.writer());
  worker.PutBefore({{"UserWarning", "one"}, {"UserWarning", "two"}});
  worker.Publish();
}

struct Heap final : ArrayMemory {
  Heap() : elements(5000, 1) {
    data = reinterpret_cast<std::byte*>(elements.data());
    bytes = elements.size();
  }
  std::vector<unsigned char> elements;
};

void WithArray(ReplyWriter& worker) {
  worker.Begin();
  ByteWriter& out = worker.writer();
  PutText(true, "an array", out);
  const std::shared_ptr<ArrayMemory> memory = std::make_shared<Heap>();
  const ArrayPiece piece = {
      .key = {}, .bytes = memory->bytes, .write = [&](std::byte* into) {
        std::memcpy(into, memory->data, memory->bytes);
      }};
  ArrayRef ref;
  ASSERT_TRUE(out.sink()->ShareArray(memory, piece, &ref));
  out.Put(ref);
  worker.HandOverArrays();
  worker.Publish();
}

const std::vector<Answer>& Answers() {
  static const auto* const answers = new std::vector<Answer>{
      {"Result", Result}, {"Timed", Timed},   {"Large", Large},
      {"Failed", Failed}, {"Warned", Warned}, {"WithArray", WithArray},
  };
  return *answers;
}

// ---- Changes.

using Change = std::function<void(Ends&)>;

template <class Word>
void Overwrite(std::byte* at, Word word) {
  std::memcpy(at, &word, sizeof word);
}

// Whatever it is told then: the owner lives, and answers nothing twice.
void ExpectSafe(const Answer& answer, const Change& change) {
  Ends ends;
  ends.Ask();
  answer.write(ends.worker());
  change(ends);
  WorkerLink& owner = ends.owner();
  owner.Unclaimed();
  owner.Begun();
  owner.TaskBegan();
  owner.CondemnIfLate(std::chrono::steady_clock::now());
  owner.TakeBack(3);
  ends.Told();
  EXPECT_LE(owner.sent().size(), 1U);
}

constexpr std::uint64_t kWords[] = {0,
                                    1,
                                    7,
                                    8,
                                    kMaxInline + 8,
                                    kRingBytes,
                                    0x7fffffff,
                                    0x80000000,
                                    0xffffffff,
                                    std::uint64_t{8} << 30,
                                    std::uint64_t{1} << 61,
                                    std::uint64_t{1} << 63,
                                    ~std::uint64_t{0} - 7,
                                    ~std::uint64_t{0}};

// Each byte of [0, n) at `begin(ends)`, and each word.
void ExpectSafeForAllChanges(const Answer& answer, std::size_t n,
                             std::byte* (*begin)(Ends&)) {
  for (std::size_t i = 0; i < n; ++i) {
    for (const std::uint8_t bits : {0x01, 0x02, 0x40, 0x80, 0xff}) {
      SCOPED_TRACE(::testing::Message() << "byte " << i << " ^ " << int{bits});
      ExpectSafe(answer,
                 [&](Ends& ends) { begin(ends)[i] ^= std::byte{bits}; });
    }
    if (i % 4 != 0) continue;
    for (const std::uint64_t word : kWords) {
      SCOPED_TRACE(::testing::Message() << "word at " << i << " = " << word);
      ExpectSafe(answer, [&](Ends& ends) {
        Overwrite(begin(ends) + i, static_cast<std::uint32_t>(word));
      });
      if (i % 8 != 0) continue;
      ExpectSafe(answer, [&](Ends& ends) { Overwrite(begin(ends) + i, word); });
    }
  }
}

class WildWorkerTest : public ::testing::TestWithParam<Answer> {};

INSTANTIATE_TEST_SUITE_P(Answers, WildWorkerTest,
                         ::testing::ValuesIn(Answers()), [](const auto& info) {
                           return std::string(info.param.name);
                         });

TEST_P(WildWorkerTest, TellsWhatItWrote) {
  Ends ends;
  ends.Ask();
  GetParam().write(ends.worker());
  const auto told = ends.Told();
  ASSERT_TRUE(told.has_value());
  static const std::map<std::string, std::vector<std::string>> kTexts = {
      {"Result", {"a result"}},
      {"Timed", {"a result"}},
      {"Large", {std::string(kMaxInline + 100, 'x')}},
      {"Failed", {"an error"}},
      {"Warned", {"UserWarning: one", "UserWarning: two", "a result"}},
      {"WithArray", {"an array 5000"}}};
  EXPECT_EQ(*told, kTexts.at(GetParam().name));
  EXPECT_TRUE(ends.owner().sent().empty());
}

// Else its death would be that of a worker which could never serve.
TEST_P(WildWorkerTest, CannotTakeBackThatItHasServed) {
  Ends ends;
  EXPECT_FALSE(ends.owner().ready());
  ends.Ask();
  GetParam().write(ends.worker());
  ends.Told();
  EXPECT_TRUE(ends.owner().ready());
  ends.header().ready.store(0);
  EXPECT_TRUE(ends.owner().ready());
}

TEST_P(WildWorkerTest, ChangesItsFrames) {
  Ends ends;
  GetParam().write(ends.worker());
  ExpectSafeForAllChanges(GetParam(), ends.header().head.load(),
                          [](Ends& changed) { return changed.answers(); });
}

TEST_P(WildWorkerTest, ChangesItsArena) {
  ExpectSafeForAllChanges(GetParam(), 64,
                          [](Ends& changed) { return changed.arena(); });
}

TEST_P(WildWorkerTest, ChangesTheHeader) {
  ExpectSafeForAllChanges(
      GetParam(), offsetof(ChannelHeader, crash_text), [](Ends& changed) {
        return static_cast<std::byte*>(static_cast<void*>(&changed.header()));
      });
}

// ---- What it may send through the socket.

std::optional<std::vector<std::string>> ToldWith(
    const std::function<void(const native::DescriptorSocket&)>& send,
    const std::function<void()>& took_array = [] {}) {
  Ends ends;
  ends.Ask();
  ends.worker().Begin();
  PutText(true, "an array", ends.worker().writer());
  ends.worker().writer().Put(ArrayRef{std::uint64_t{1} << 63, false});
  ends.worker().Publish();
  // One descriptor is announced.
  Frame frame;
  std::memcpy(&frame, ends.answers(), sizeof frame);
  frame.flags |= 1 << kArraysShift;
  std::memcpy(ends.answers(), &frame, sizeof frame);
  send(ends.owner().workers_socket);
  return ends.Told(took_array);
}

TEST(WildSocketTest, NoDescriptor) {
  EXPECT_EQ(ToldWith([](const auto&) {}), std::nullopt);
}

TEST(WildSocketTest, AnotherWord) {
  const int fd = memfd_create("wild", MFD_CLOEXEC);
  EXPECT_EQ(ToldWith([&](const auto& socket) {
              ASSERT_TRUE(socket.Send(5, fd).ok());
            }),
            std::nullopt);
  close(fd);
}

// It could shrink while the owner reads: that would be a SIGBUS there.
TEST(WildSocketTest, MemoryThatCanShrink) {
  const int fd = memfd_create("wild", MFD_CLOEXEC);
  ASSERT_EQ(ftruncate(fd, 4096), 0);
  const auto told = ToldWith(
      [&](const auto& socket) { ASSERT_TRUE(socket.Send(0, fd).ok()); });
  ASSERT_TRUE(told.has_value());
  EXPECT_THAT(*told, ElementsAre(StartsWith("no result: ")));
  close(fd);
}

// The same, of a file: it is read, not mapped.
TEST(WildSocketTest, FileThatCanShrink) {
  const std::string path = ::testing::TempDir() + "/wild_worker_file";
  const int fd = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  ASSERT_GE(fd, 0);
  ASSERT_EQ(ftruncate(fd, 8192), 0);
  ASSERT_EQ(pwrite(fd, "\5", 1, 8191), 1);
  const auto told = ToldWith(
      [&](const auto& socket) { ASSERT_TRUE(socket.Send(0, fd).ok()); },
      [&] { ASSERT_EQ(ftruncate(fd, 0), 0); });
  EXPECT_EQ(told, std::vector<std::string>{"an array 5"});
  close(fd);
  unlink(path.c_str());
}

TEST(WildSocketTest, NoMemoryAtAll) {
  int pipe_ends[2];
  ASSERT_EQ(pipe2(pipe_ends, O_CLOEXEC), 0);
  const auto told = ToldWith([&](const auto& socket) {
    ASSERT_TRUE(socket.Send(0, pipe_ends[0]).ok());
  });
  ASSERT_TRUE(told.has_value());
  EXPECT_THAT(*told, ElementsAre(StartsWith("no result: ")));
  close(pipe_ends[0]);
  close(pipe_ends[1]);
}

}  // namespace
}  // namespace joblib::internal
