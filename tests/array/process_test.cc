// Arrays in worker processes.
#include <cstdint>
#include <filesystem>
#include <iterator>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "joblib/joblib.h"
#include "tests/array/npy_files.h"
#include "tests/testing/warning_collector.h"

namespace {

using ::joblib::Array;
using ::joblib::delayed;
using ::joblib::each;
using ::joblib::Memory;
using ::joblib::Parallel;
using ::joblib::range;
using ::testing::AllOf;

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;
using ::testing::ThrowsMessage;

// What a task sees of an array.
struct Seen {
  std::string mode, filename;
  bool is_map = false, writeable = false, c = false, f = false;
  std::vector<std::int64_t> shape;
  std::int64_t offset = 0;
  double sum = 0;
  std::string error;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(mode, filename, is_map, writeable, c, f, shape, offset, sum, error);
  }
};

Seen Look(Array<double> array) {
  Seen seen;
  seen.mode = array.mmap_mode();
  seen.filename = array.filename();
  seen.is_map = array.is_memmap();
  seen.writeable = array.writeable();
  seen.c = array.is_c_contiguous();
  seen.f = array.is_f_contiguous();
  seen.shape = array.shape();
  seen.offset = array.offset();
  for (const double x : array) seen.sum += x;
  return seen;
}

// Adds 1 to the first element.
Seen Write(Array<double> array) {
  Seen seen = Look(array);
  try {
    auto view = array.mutable_view();
    *view.begin() += 1;
  } catch (const std::invalid_argument& error) {
    seen.error = error.what();
  }
  return seen;
}

Array<double> Counted(joblib::Shape shape, char order = 'C') {
  auto array = Array<double>::zeros(std::move(shape), Memory::kPrivate, order);
  double next = 0;
  for (double& x : array.mutable_view()) x = next++;
  return array;
}

joblib::ParallelOptions Options(const char* max_nbytes = "1K") {
  joblib::ParallelOptions options;
  options.n_jobs = 2;
  options.max_nbytes = max_nbytes;
  options.temp_folder = ::testing::TempDir();
  return options;
}

template <class F>
std::vector<Seen> RunTasks(const joblib::ParallelOptions& options, F f,
                           const Array<double>& array, int n_tasks = 4) {
  return Parallel(options)(
      each(range(n_tasks), [&](int) { return delayed(f)(array); }));
}

class ArrayProcessTest : public joblib::testing::FilesTest {
 protected:
  const joblib::testing::WarningCollector warnings_;
};

TEST_F(ArrayProcessTest, SmallOnesTravelByValue) {
  for (const Seen& seen : RunTasks(Options("16K"), Write, Counted({2048}))) {
    EXPECT_FALSE(seen.is_map);
    EXPECT_TRUE(seen.writeable);
    EXPECT_EQ(seen.error, "");
    EXPECT_EQ(seen.sum, 2047 * 1024.0);
  }
}

TEST_F(ArrayProcessTest, LargerOnesAreMapsOfOneCopy) {
  std::set<std::string> files;
  const auto array = Counted({2049});
  for (const Seen& seen : RunTasks(Options("16K"), Write, array)) {
    EXPECT_EQ(seen.mode, "r");
    EXPECT_FALSE(seen.writeable);
    EXPECT_EQ(seen.error, "assignment destination is read-only");
    EXPECT_EQ(seen.sum, 2049 * 1024.0);
    EXPECT_THAT(seen.filename, StartsWith(::testing::TempDir()));
    files.insert(seen.filename);
  }
  // Once for all calls.
  for (const Seen& seen : RunTasks(Options("16K"), Look, array)) {
    files.insert(seen.filename);
  }
  EXPECT_EQ(files.size(), 1u);
}

TEST_F(ArrayProcessTest, NoneMeansNoMaps) {
  auto options = Options();
  options.mmap_mode = joblib::none;
  EXPECT_FALSE(RunTasks(options, Look, Counted({2000}))[0].is_map);
  options = Options();
  options.max_nbytes = joblib::none;
  EXPECT_FALSE(RunTasks(options, Look, Counted({2000}))[0].is_map);
}

TEST_F(ArrayProcessTest, ModesAreThoseOfTheOption) {
  const auto array = Counted({2000});
  const double sum = 1999 * 1000.0;
  auto options = Options();
  options.mmap_mode = "c";
  for (const Seen& seen : RunTasks(options, Write, array, 8)) {
    EXPECT_EQ(seen.mode, "c");
    EXPECT_EQ(seen.error, "");
    EXPECT_EQ(seen.sum, sum);  // Of another task's writes nothing is seen.
  }
  for (const char* const mode : {"r+", "w+"}) {
    const auto own = Counted({2000});
    options.mmap_mode = mode;
    double total = 0;
    for (const Seen& seen : RunTasks(options, Write, own, 8)) {
      EXPECT_EQ(seen.mode, "r+");
      EXPECT_EQ(seen.error, "");
      total += seen.sum;
    }
    EXPECT_GT(total, 8 * sum);  // Others' writes are seen ...
    EXPECT_EQ(own(0), 0);       // ... by workers alone.
  }
}

TEST_F(ArrayProcessTest, LayoutsArriveAsRowsOfTheirOrder) {
  const auto c = Counted({40, 50});
  const Seen plain = RunTasks(Options(), Look, c, 1)[0];
  EXPECT_TRUE(plain.c);
  EXPECT_FALSE(plain.f);
  for (const Array<double>& array : {Counted({40, 50}, 'F'), c.transpose()}) {
    const Seen seen = RunTasks(Options(), Look, array, 2)[0];
    EXPECT_TRUE(seen.is_map);
    EXPECT_TRUE(seen.f);
    EXPECT_FALSE(seen.c);
    EXPECT_EQ(seen.shape, array.shape());
  }
  const Seen strided =
      RunTasks(Options(), Look, Counted({4000}).slice(0, 4000, 2), 2)[0];
  EXPECT_TRUE(strided.c);
  EXPECT_EQ(strided.sum, 1999 * 2000.0);
}

TEST_F(ArrayProcessTest, ChangedArraysAreWrittenAnew) {
  auto array = Counted({2000});
  const double sum = 1999 * 1000.0;
  EXPECT_EQ(RunTasks(Options(), Look, array, 2)[0].sum, sum);
  array.mutable_span()[0] = 5;
  EXPECT_EQ(RunTasks(Options(), Look, array, 2)[1].sum, sum + 5);
  // The same address, another array.
  for (int i = 0; i < 3; ++i) {
    auto next = Array<double>::zeros({2000});
    next.mutable_span()[0] = i;
    EXPECT_EQ(RunTasks(Options(), Look, next, 2)[0].sum, i);
  }
}

std::int64_t Descriptors(const Array<double>& /*array*/) {
  const std::filesystem::directory_iterator all("/proc/self/fd");
  return std::distance(begin(all), end(all));
}

TEST_F(ArrayProcessTest, CopiesOfAWindowThatSlidesDoNotPileUp) {
  const auto array = Counted({1100});
  auto options = Options();
  options.batch_size = 1;
  const auto windows = [&](int n) {
    return Parallel(options)(each(range(n), [&](int i) {
      return delayed(Descriptors)(array.slice(i, i + 1000));
    }));
  };
  windows(4);
  const std::int64_t before = Descriptors(array);
  const std::vector<std::int64_t> in_workers = windows(100);
  EXPECT_LE(Descriptors(array), before + 10);
  EXPECT_LE(in_workers.back(), in_workers.front() + 10);
}

TEST_F(ArrayProcessTest, EqualArraysAreDifferentFiles) {
  std::set<std::string> files;
  for (const Seen& seen : Parallel(Options())(each(
           range(4), [](int) { return delayed(Look)(Counted({2000})); }))) {
    files.insert(seen.filename);
  }
  EXPECT_EQ(files.size(), 4u);
}

Seen LookInside(const std::map<std::string, std::vector<Array<double>>>& many,
                const std::optional<Array<double>>& maybe) {
  Seen seen = Look(many.at("a").at(1));
  seen.is_map = seen.is_map && maybe->is_memmap();
  return seen;
}

TEST_F(ArrayProcessTest, ArraysWithinOtherValuesAreMappedToo) {
  const auto a = Counted({2000});
  const auto b = Counted({3000});
  const Seen seen = Parallel(Options())(each(range(2), [&](int) {
    return delayed(LookInside)(
        std::map<std::string, std::vector<Array<double>>>{{"a", {a, b}}},
        std::optional(a));
  }))[1];
  EXPECT_TRUE(seen.is_map);
  EXPECT_THAT(seen.shape, ElementsAre(3000));
}

TEST_F(ArrayProcessTest, MapsTravelByReferenceWhateverTheirSize) {
  auto map = joblib::memmap<double>(Path("m.bin"), "w+", {6, 4});
  for (double& x : map.mutable_view()) x = 1;
  for (const auto& view : {map.slice(2, 3), map.slice(0, 6, 2).transpose()}) {
    const Seen seen = RunTasks(Options("1M"), Write, view, 1)[0];
    EXPECT_EQ(seen.mode, "r+");
    EXPECT_EQ(seen.filename, Path("m.bin"));
    EXPECT_EQ(seen.offset, view.offset());
    EXPECT_EQ(seen.shape, view.shape());
    EXPECT_EQ(seen.error, "");
  }
  EXPECT_EQ(map(2, 0), 2);  // Seen here, and in the file.
  EXPECT_EQ(map(0, 0), 2);
  const auto read = joblib::memmap<double>(Path("m.bin"), "r");
  EXPECT_EQ(read(0), 2);
  EXPECT_EQ(RunTasks(Options(), Write, read, 1)[0].error,
            "assignment destination is read-only");
  const auto own = joblib::memmap<double>(Path("m.bin"), "c");
  EXPECT_EQ(RunTasks(Options(), Write, own, 1)[0].mode, "c");
  EXPECT_EQ(read(0), 2);
}

void Fill(Array<double> output, int row) {
  auto view = output.mutable_view();
  for (int j = 0; j < output.shape()[1]; ++j) view(row, j) = 10 * row + j;
}
void FillRow(Array<double> row, int value) { row.mutable_view()(0, 1) = value; }

TEST_F(ArrayProcessTest, SharedArraysAreWrittenByWorkers) {
  auto output = Array<double>::zeros({4, 3}, Memory::kShared);
  Parallel parallel(Options("1K"));
  parallel(each(range(4), [&](int i) { return delayed(Fill)(output, i); }));
  EXPECT_THAT(output.span(),
              ElementsAre(0, 1, 2, 10, 11, 12, 20, 21, 22, 30, 31, 32));
  parallel(each(range(4), [&](int i) {
    return delayed(FillRow)(output.slice(i, i + 1), -i);
  }));
  EXPECT_EQ(output(3, 1), -3);
  EXPECT_EQ(output(2, 1), -2);
}

Array<double> Same(Array<double> array) { return array; }
Array<double> LastRow(const Array<double>& array) {
  return array.slice(array.shape()[0] - 1, array.shape()[0]);
}

TEST_F(ArrayProcessTest, MapsComeBackAsThemselvesAndCopiesAsPlainArrays) {
  auto map = joblib::memmap<double>(Path("m.bin"), "w+", {6, 4});
  map.mutable_view()(5, 3) = 7;
  const auto options = Options();
  const auto back = Parallel(options)(
      each(range(2), [&](int) { return delayed(LastRow)(map); }));
  EXPECT_EQ(back[0].span().data(), map.span().data() + 20);
  EXPECT_EQ(back[1].mmap_mode(), "r+");
  auto shared = Array<double>::zeros({5}, Memory::kShared);
  const auto same = Parallel(options)(
      each(range(2), [&](int) { return delayed(Same)(shared); }));
  EXPECT_EQ(same[0].span().data(), shared.span().data());
  const auto plain = Counted({2000});
  auto copies = Parallel(options)(
      each(range(2), [&](int) { return delayed(Same)(plain); }));
  EXPECT_FALSE(copies[0].is_memmap());
  copies[0].mutable_span()[0] = 9;
  EXPECT_EQ(plain(0), 0);
  EXPECT_EQ(copies[1](1999), 1999);
}

TEST_F(ArrayProcessTest, AFileThatWasTruncatedIsAnError) {
  const auto map = joblib::memmap<double>(Path("m.bin"), "w+", {4096});
  std::filesystem::resize_file(Path("m.bin"), 8);
  EXPECT_THAT([&] { RunTasks(Options(), Look, map, 1); },
              ThrowsMessage<joblib::BrokenProcessPool>(
                  AllOf(HasSubstr("un-serialize"), HasSubstr("8 bytes"))));
}

TEST_F(ArrayProcessTest, AFileInThePlaceOfTheFolderIsSteppedOver) {
  joblib::testing::WriteFile(Path("file"), "x");
  auto options = Options();
  options.temp_folder = Path("file");
  const auto array = Counted({2000});
  EXPECT_TRUE(RunTasks(options, Look, array, 2)[0].is_map);
  ASSERT_EQ(warnings_.messages().size(), 1u);
  EXPECT_THAT(warnings_.messages()[0],
              AllOf(HasSubstr("16000 bytes"), HasSubstr(Path("file"))));
}

TEST_F(ArrayProcessTest, NothingHasANameInTheFolder) {
  auto options = Options();
  options.temp_folder = Path("folder");
  EXPECT_TRUE(RunTasks(options, Look, Counted({2000}), 2)[0].is_map);
  EXPECT_TRUE(std::filesystem::is_empty(Path("folder")));
  EXPECT_EQ(std::filesystem::status(Path("folder")).permissions(),
            std::filesystem::perms::owner_all);
}

TEST_F(ArrayProcessTest, ForkedWorkersSeeTheSame) {
  auto options = Options();
  options.backend = "multiprocessing";
  EXPECT_EQ(RunTasks(options, Write, Counted({2000}))[3].mode, "r");
  auto output = Array<double>::zeros({4, 3}, Memory::kShared);
  Parallel parallel(options);
  parallel(each(range(4), [&](int i) { return delayed(Fill)(output, i); }));
  EXPECT_EQ(output(3, 2), 32);
}

double SumOfAShrunkFile(const Array<double>& array) {
  double sum = *array.begin();
  std::filesystem::resize_file(array.filename(), 8);
  for (const double x : array) sum += x;
  return sum;
}

TEST_F(ArrayProcessTest, AFileThatShrinksUnderATaskIsAnErrorThatSaysSo) {
  joblib::memmap<double>(Path("shrinks.bin"), "w+", {100'000});
  const auto array =
      joblib::memmap<double>(Path("shrinks.bin"), "r", {100'000});
  const auto outcomes = Parallel(Options()).collect(
      each(range(1), [&](int) { return delayed(SumOfAShrunkFile)(array); }));
  EXPECT_THAT(outcomes[0].message(),
              AllOf(HasSubstr("SIGBUS"), HasSubstr("made shorter")));
}

}  // namespace
