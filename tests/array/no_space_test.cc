// A disk that is full at any of the calls that need room: posix_fallocate and
// pwrite are this program's, and fail when told to.
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <filesystem>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "joblib/joblib.h"
#include "tests/array/npy_files.h"
#include "tests/testing/warning_collector.h"

namespace {

// Which of the calls to come fails, 0: the next; below: none.
std::atomic<int> fails{-1};
std::atomic<bool> fails_for_good{false};
std::atomic<int> calls{0};

bool IsToFail() {
  const int n = calls++;
  return n == fails || (fails_for_good && fails >= 0 && n >= fails);
}

}  // namespace

extern "C" int posix_fallocate(int fd, off_t offset, off_t bytes) {
  if (IsToFail()) return ENOSPC;
  return syscall(SYS_fallocate, fd, 0, offset, bytes) == 0 ? 0 : errno;
}

extern "C" ssize_t pwrite(int fd, const void* from, std::size_t bytes,
                          off_t offset) {
  if (IsToFail()) {
    errno = ENOSPC;
    return -1;
  }
  return syscall(SYS_pwrite64, fd, from, bytes, offset);
}

namespace {

namespace fs = std::filesystem;
using ::joblib::Array;
using ::joblib::delayed;
using ::joblib::each;
using ::joblib::Parallel;
using ::joblib::range;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::ThrowsMessage;

constexpr int kRows = 3000, kColumns = 600;  // 14.4 MB.

class NoSpaceTest : public joblib::testing::FilesTest {
 protected:
  ~NoSpaceTest() override { Fail(-1); }
  static void Fail(int n, bool for_good = false) {
    calls = 0;
    fails_for_good = for_good;
    fails = n;
  }
};

TEST_F(NoSpaceTest, ADumpThatFailsLeavesNoFile) {
  // In pieces: neither in C nor in F order.
  const auto array = Array<double>::zeros({kRows, 2 * kColumns})
                         .transpose()
                         .slice(0, 2 * kColumns, 2);
  const std::string path = Path("a.npy");
  Fail(-1);
  joblib::dump(array, path);
  const int needed = calls;
  ASSERT_GE(needed, 4);  // The room, the header, pieces.
  for (int n = 0; n < needed; ++n) {
    Fail(n);
    EXPECT_THAT([&] { joblib::dump(array, path); },
                ThrowsMessage<std::runtime_error>(
                    AllOf(HasSubstr(path), HasSubstr("No space left"))))
        << n;
    EXPECT_FALSE(fs::exists(path)) << n;
  }
}

TEST_F(NoSpaceTest, AMapThatFailsLeavesTheFileAsItWas) {
  const std::string path = Path("a.bin");
  joblib::memmap<double>(path, "w+", {100}).mutable_view()(99) = 7;
  Fail(0);
  EXPECT_THAT([&] { joblib::memmap<double>(path, "r+", {kRows}); },
              ThrowsMessage<std::runtime_error>(
                  AllOf(HasSubstr(path), HasSubstr("No space left"))));
  EXPECT_EQ(fs::file_size(path), 800u);
  EXPECT_EQ(joblib::memmap<double>(path, "r")(99), 7);
}

double LastOf(const Array<double>& array) {
  return array(array.shape()[0] - 1) + (array.is_memmap() ? 100 : 0);
}

TEST_F(NoSpaceTest, ACallTakesTheNextFolderOrSaysThatThereIsNone) {
  const joblib::testing::WarningCollector warnings;
  auto array = Array<double>::zeros({kRows});
  array.mutable_view()(kRows - 1) = 5;
  joblib::ParallelOptions options;
  options.n_jobs = 2;
  options.max_nbytes = "1K";
  options.temp_folder = Path("temp");
  const auto call = [&] {
    return Parallel(options)(
        each(range(2), [&](int) { return delayed(LastOf)(array); }));
  };
  Fail(0, /*for_good=*/true);
  EXPECT_THAT(
      call, ThrowsMessage<joblib::PicklingError>(
                AllOf(HasSubstr("temp_folder"), HasSubstr("max_nbytes=none"))));
  EXPECT_THAT(warnings.messages(), IsEmpty());
  // The room, and what is written to it.
  for (const char* const what : {"reserve 24000", "write"}) {
    array.mutable_view()(kRows - 1) = 5;
    Fail(what[0] == 'r' ? 0 : 1);
    EXPECT_THAT(call(), ElementsAre(105, 105));
    EXPECT_THAT(warnings.messages().back(),
                AllOf(HasSubstr(Path("temp") + ": " + what),
                      HasSubstr("No space left")));
  }
  EXPECT_THAT(warnings.messages(), SizeIs(2));
  EXPECT_TRUE(fs::is_empty(Path("temp")));
}

}  // namespace
