// What another process is sent to call is a runner of ours, or refused.
#include "joblib/core/shipped_runner.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "joblib/core/byte_reader.h"
#include "joblib/joblib.h"

namespace joblib::internal {
namespace {

using ::testing::ElementsAre;

constexpr ShippedRunner kRunner = {ShippedRunner::kMark,
                                   [](ByteReader&, ByteWriter&) {}};
constexpr ShippedRunner kUnmarked = {ShippedRunner::kMark + 1, kRunner.run};

int ran = 0;
int Count(int n) {
  ++ran;
  return n;
}

TEST(ShippedRunnerTest, IsFoundByItsPlace) {
  EXPECT_EQ(&FindRunner(RefOf(kRunner)), &kRunner);
}

TEST(ShippedRunnerTest, NothingElseIsOne) {
  EXPECT_THROW(FindRunner(RefOf(kUnmarked)), DecodeError);
  EXPECT_THROW(
      FindRunner(TheCodeRefs().Of(reinterpret_cast<const void*>(&Count))),
      DecodeError);
  EXPECT_THROW(FindRunner({}), DecodeError);
  const CodeRef right = RefOf(kRunner);
  EXPECT_THROW(FindRunner({right.module + 1, right.offset}), DecodeError);
  // Within a constant or between two, and beyond the program.
  for (std::uint64_t other : {1, 4, 7, 8}) {
    EXPECT_THROW(FindRunner({right.module, right.offset + other}), DecodeError);
    EXPECT_THROW(FindRunner({right.module, right.offset - other}), DecodeError);
  }
  for (int bit = 32; bit < 64; ++bit) {
    const std::uint64_t offset = right.offset ^ (std::uint64_t{1} << bit);
    EXPECT_THROW(FindRunner({right.module, offset}), DecodeError) << bit;
  }
}

TEST(ShippedRunnerTest, OneThatNoFileHoldsCantTravel) {
  const auto made = std::make_unique<ShippedRunner>(kRunner);
  EXPECT_THROW(RefOf(*made), PicklingError);
}

// Keeps the bytes of the first batch and runs all of them here.
class Keeping final : public ParallelBackendBase {
 public:
  int effective_n_jobs(NJobs) const override { return 2; }
  void submit(Batch batch) override {
    if (bytes.empty()) bytes = batch.bytes();
    batch.finish(Batch::run_bytes(batch.bytes()));
  }
  std::string bytes;
};

TEST(ShippedRunnerTest, ABatchWithAnotherFunctionInItsPlaceIsRefused) {
  const auto backend = std::make_shared<Keeping>();
  Parallel parallel({.n_jobs = 2, .backend = backend});
  EXPECT_THAT(parallel.map(Count, std::vector{7, 8}), ElementsAre(7, 8));
  const CodeRef function =
      TheCodeRefs().Of(reinterpret_cast<const void*>(&Count));
  // Each place in turn: the runner's is among them.
  int refused = 0;
  for (std::size_t i = 0; i + sizeof function <= backend->bytes.size(); ++i) {
    CodeRef there;
    std::memcpy(&there, backend->bytes.data() + i, sizeof there);
    if (there.module != function.module || there.offset == function.offset) {
      continue;
    }
    std::string changed = backend->bytes;
    std::memcpy(changed.data() + i, &function, sizeof function);
    ran = 0;
    EXPECT_THROW(Batch::run_bytes(changed), std::runtime_error) << i;
    EXPECT_EQ(ran, 0) << i;
    ++refused;
  }
  EXPECT_GE(refused, 1);
}

TEST(BatchBytesTest, CallsThatEndTooEarlyOrAreNoneAreRefused) {
  const auto backend = std::make_shared<Keeping>();
  Parallel({.n_jobs = 2, .backend = backend}).map(Count, std::vector{7, 8});
  const std::string& valid = backend->bytes;
  for (std::size_t n = 0; n < valid.size(); ++n) {
    EXPECT_THROW(Batch::run_bytes(valid.substr(0, n)), std::runtime_error) << n;
  }
  constexpr std::size_t kMagicAndVersion = 12;
  for (std::size_t i = 0; i < kMagicAndVersion; ++i) {
    std::string changed = valid;
    changed[i] = static_cast<char>(changed[i] + 1);
    EXPECT_THROW(Batch::run_bytes(changed), std::runtime_error) << i;
  }
}

// Answers with what `change` makes of the reply.
class Changing final : public ParallelBackendBase {
 public:
  explicit Changing(std::function<void(std::string*)> change)
      : change_(std::move(change)) {}
  int effective_n_jobs(NJobs) const override { return 2; }
  void submit(Batch batch) override {
    std::string reply = Batch::run_bytes(batch.bytes());
    change_(&reply);
    batch.finish(reply);
  }

 private:
  const std::function<void(std::string*)> change_;
};

std::string TextOf(int n) {
  if (n == 2) throw std::out_of_range("two");
  return std::string(static_cast<std::size_t>(n), 'x');
}

// The outcomes where the reply to the one batch is changed: all of them come.
int Failures(const std::function<void(std::string*)>& change) {
  const auto outcomes =
      Parallel({.n_jobs = 2,
                .backend = std::make_shared<Changing>(change),
                .batch_size = 3})
          .collect(each(range(3), [](int n) { return delayed(TextOf)(n); }));
  EXPECT_EQ(outcomes.size(), 3U);
  int failures = 0;
  for (const auto& outcome : outcomes) failures += outcome.has_value() ? 0 : 1;
  return failures;
}

TEST(BatchBytesTest, RepliesThatEndTooEarlyFailTheirTasks) {
  std::size_t size = 0;
  ASSERT_EQ(Failures([&](std::string* reply) { size = reply->size(); }), 1);
  for (std::size_t n = 0; n < size; ++n) {
    const int failures = Failures(
        [n](std::string* reply) { reply->resize(std::min(n, reply->size())); });
    constexpr std::size_t kHeader = 20;  // All before the first answer.
    EXPECT_GE(failures, n < kHeader ? 3 : 1) << n;
  }
}

TEST(BatchBytesTest, RepliesWithAnyByteChangedAreValuesOrErrors) {
  std::size_t size = 0;
  Failures([&](std::string* reply) { size = reply->size(); });
  for (std::size_t i = 0; i < size; ++i) {
    for (const int bits : {0x01, 0x80, 0xff}) {
      Failures([&](std::string* reply) {
        if (i >= reply->size()) return;  // Of a smaller batch.
        (*reply)[i] = static_cast<char>((*reply)[i] ^ bits);
      });
    }
  }
}

}  // namespace
}  // namespace joblib::internal
