// Folders without room. full_folder_test.sh runs it where /tmp and /dev/shm are
// filesystems of 16 MB, and so is the folder that JOBLIB_SMALL_FOLDER names.
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "joblib/joblib.h"
#include "native/environment.h"
#include "native/unnamed_file.h"
#include "tests/testing/warning_collector.h"

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
using ::testing::StartsWith;
using ::testing::ThrowsMessage;

constexpr std::int64_t kSize = 5'000'000;  // 40 MB.

std::string Where(const Array<double>& array) {
  return array(kSize - 1) == 1 ? array.filename() : "another array";
}

class FullFolderTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_GT(free(), 15u << 20);
    ASSERT_LE(free(), 16u << 20);
    array_.mutable_view()(kSize - 1) = 1;
  }
  void TearDown() override {
    EXPECT_GT(free(), 15u << 20);
    EXPECT_TRUE(fs::is_empty(small_));
  }
  std::uint64_t free() const {
    return joblib::native::FreeBytes(small_).value_or(0);
  }
  joblib::ParallelOptions InSmall() const {
    joblib::ParallelOptions options;
    options.n_jobs = 2;
    options.temp_folder = small_;
    return options;
  }

  const std::string small_ =
      joblib::native::GetEnv("JOBLIB_SMALL_FOLDER").value_or("unset");
  const joblib::testing::WarningCollector warnings_;
  Array<double> array_ = Array<double>::zeros({kSize});
  Array<double> other_ = array_.copy();
};

TEST_F(FullFolderTest, TheNextOneIsTakenWithOneWarning) {
  other_.mutable_view()(kSize - 1) = 1;
  const auto files = Parallel(InSmall())(each(range(6), [&](int i) {
    return delayed(Where)(i % 2 == 0 ? array_ : other_);
  }));
  const std::string roomy = joblib::native::GetEnv("TMPDIR").value_or("unset");
  for (const std::string& file : files) EXPECT_THAT(file, StartsWith(roomy));
  EXPECT_THAT(
      warnings_.messages(),
      ElementsAre(AllOf(HasSubstr("40000000 bytes"), HasSubstr(roomy + ","),
                        HasSubstr(small_ + ": reserve 40000000 bytes"),
                        HasSubstr(std::to_string(free()) + " are free"))));
}

TEST_F(FullFolderTest, WithoutAnyTheErrorSaysWhatToDo) {
  setenv("TMPDIR", small_.c_str(), 1);
  const auto call = [&] {
    Parallel parallel(InSmall());
    parallel(each(range(4), [&](int) { return delayed(Where)(array_); }));
  };
  for (int round = 0; round < 2; ++round) {
    EXPECT_THAT(call, ThrowsMessage<joblib::PicklingError>(AllOf(
                          HasSubstr("40000000 bytes"), HasSubstr("temp_folder"),
                          HasSubstr("max_nbytes=none"),
                          HasSubstr(small_ + ": "), HasSubstr("/tmp: "))));
  }
  EXPECT_THAT(warnings_.messages(), IsEmpty());
  // The way out works.
  joblib::ParallelOptions options = InSmall();
  options.max_nbytes = joblib::none;
  EXPECT_THAT(Parallel(options)(
                  each(range(2), [&](int) { return delayed(Where)(array_); })),
              ElementsAre("", ""));
}

TEST_F(FullFolderTest, FilesAreWholeOrNotThere) {
  const std::string path = small_ + "/a.npy";
  EXPECT_THAT([&] { joblib::dump(array_, path); },
              ThrowsMessage<std::runtime_error>(
                  AllOf(HasSubstr(path), HasSubstr(" are free"))));
  EXPECT_FALSE(fs::exists(path));
  EXPECT_THAT([&] { joblib::memmap<double>(path, "w+", {kSize}); },
              ThrowsMessage<std::runtime_error>(
                  AllOf(HasSubstr(path), HasSubstr(" are free"))));
  EXPECT_EQ(fs::file_size(path), 0u);
  // What is there stays as it was.
  joblib::memmap<double>(path, "w+", {100}).mutable_view()(99) = 7;
  EXPECT_THROW(joblib::memmap<double>(path, "r+", {kSize}), std::runtime_error);
  EXPECT_EQ(joblib::memmap<double>(path, "r")(99), 7);
  EXPECT_EQ(fs::file_size(path), 800u);
  fs::remove(path);
}

}  // namespace
