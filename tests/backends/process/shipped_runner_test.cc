// What another process is sent to call is a runner of ours, or refused.
#include "joblib/core/shipped_runner.h"

#include <cstddef>
#include <cstdint>
#include <cstring>
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

}  // namespace
}  // namespace joblib::internal
