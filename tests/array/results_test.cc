// Large arrays that tasks return from worker processes.
#include <malloc.h>
#include <sys/mman.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "joblib/joblib.h"
#include "tests/testing/mapped_inode.h"

namespace {

using ::joblib::Array;
using ::joblib::delayed;
using ::joblib::each;
using ::joblib::Memory;
using ::joblib::Parallel;
using ::joblib::range;

constexpr std::int64_t kSize = 100'000;  // 800 kB.

std::int64_t InodeOf(const Array<double>& array) {
  return joblib::testing::InodeAt(&*array.begin());
}

int MapsOfArrays() {
  std::ifstream maps("/proc/self/maps");
  int n = 0;
  for (std::string line; std::getline(maps, line);) {
    n += line.find("joblib-array") != std::string::npos ? 1 : 0;
  }
  return n;
}

std::int64_t Descriptors() {
  const std::filesystem::directory_iterator all("/proc/self/fd");
  return std::distance(begin(all), end(all));
}

void FillWith(Array<double> array, double first) {
  for (double& x : array.mutable_view()) x = first++;
}

// An array and where the worker had it.
struct Made {
  Array<double> array;
  std::int64_t inode = 0;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(array, inode);
  }
};

Made Make(int first, std::int64_t size) {
  Made made;
  made.array = Array<double>::empty({size});
  FillWith(made.array, first);
  made.inode = InodeOf(made.array);
  return made;
}

joblib::ParallelOptions Options(const char* max_nbytes = "300K") {
  joblib::ParallelOptions options;
  options.n_jobs = 2;
  options.max_nbytes = max_nbytes;
  return options;
}

template <class F>
auto RunTasks(int n_tasks, F f, joblib::ParallelOptions options = Options()) {
  Parallel parallel(std::move(options));
  return parallel(each(range(n_tasks), [&](int i) { return delayed(f)(i); }));
}

Made MakeLarge(int i) { return Make(i, kSize); }
Made MakeSmall(int i) { return Make(i, 30'000); }

TEST(ResultsTest, WhatATaskMadeIsHandedOverAsItIs) {
  for (const char* const backend : {"loky", "multiprocessing"}) {
    auto options = Options();
    options.backend = backend;
    auto all = RunTasks(6, MakeLarge, options);
    for (int i = 0; i < 6; ++i) {
      Made& made = all[static_cast<std::size_t>(i)];
      EXPECT_NE(made.inode, 0);
      EXPECT_EQ(InodeOf(made.array), made.inode);
      EXPECT_EQ(made.array(kSize - 1), i + kSize - 1);
      EXPECT_FALSE(made.array.is_memmap());
      made.array.mutable_view()(0) = -1;
    }
    EXPECT_EQ(MapsOfArrays(), 6);
    all.resize(2);
    EXPECT_EQ(MapsOfArrays(), 2);
    EXPECT_EQ(all[1].array(0), -1);
    EXPECT_EQ(all[1].array(1), 2);
  }
  EXPECT_EQ(MapsOfArrays(), 0);
}

TEST(ResultsTest, SmallOnesTravelByTheirElements) {
  for (const Made& made : RunTasks(4, MakeSmall)) {
    EXPECT_EQ(made.inode, 0);
    EXPECT_EQ(InodeOf(made.array), 0);
  }
  auto options = Options();
  options.max_nbytes = joblib::none;
  EXPECT_EQ(RunTasks(2, MakeLarge, options)[1].inode, 0);
  EXPECT_EQ(RunTasks(2, MakeLarge, options)[1].array(5), 6);
}

Array<double> FromVector(int i) {
  return Array<double>::from(std::vector<double>(kSize, i), {kSize});
}
Array<double> Sliced(int i) {
  return Make(i, 2 * kSize).array.slice(0, 2 * kSize, 2);
}
Array<double> InFortranOrder(int i) {
  auto array = Array<double>::zeros({kSize / 100, 100}, Memory::kPrivate, 'F');
  array.mutable_view()(1, 2) = i;
  return array;
}
Array<double> Turned(int i) { return InFortranOrder(i).transpose(); }
Array<double> BornShared(int i) {
  auto array = Array<double>::zeros({kSize}, Memory::kShared);
  array.mutable_view()(1) = i;
  return array;
}

TEST(ResultsTest, AllOthersAreCopiedOnce) {
  const auto plain = RunTasks(3, FromVector);
  EXPECT_EQ(plain[2](kSize - 1), 2);
  EXPECT_NE(InodeOf(plain[2]), 0);
  const auto sliced = RunTasks(3, Sliced);
  EXPECT_EQ(sliced[1](kSize - 1), 1 + 2 * (kSize - 1));
  EXPECT_TRUE(sliced[1].is_c_contiguous());
  EXPECT_EQ(RunTasks(3, BornShared)[2](1), 2);
}

TEST(ResultsTest, LayoutsStay) {
  const auto fortran = RunTasks(3, InFortranOrder)[2];
  EXPECT_TRUE(fortran.is_f_contiguous());
  EXPECT_EQ(fortran(1, 2), 2);
  const auto turned = RunTasks(3, Turned)[2];
  EXPECT_TRUE(turned.is_c_contiguous());
  EXPECT_EQ(turned(2, 1), 2);
  EXPECT_NE(InodeOf(turned), 0);
}

// ---- Held by the worker as well: it must not be able to write to them.

Made OfACache(int i) {
  static const auto* const cache = new Made(MakeLarge(0));
  Array<double> same = cache->array;
  same.mutable_view()(i) = -1;
  return *cache;
}
std::shared_ptr<Made> OfASharedCache(int i) {
  static const auto* const cache =
      new std::shared_ptr<Made>(std::make_shared<Made>(MakeLarge(0)));
  (*cache)->array.mutable_view()(i) = -1;
  return *cache;
}
int Written(const Array<double>& array, int n) {
  int written = 0;
  for (int i = 0; i < n; ++i) written += array(i) == -1 ? 1 : 0;
  return written;
}

TEST(ResultsTest, WhatAWorkerStillHoldsIsCopied) {
  constexpr int kTasks = 8;
  int most = 0, all = 0;
  std::vector<std::int64_t> inodes;
  for (const Made& made : RunTasks(kTasks, OfACache)) {
    EXPECT_NE(InodeOf(made.array), made.inode);
    inodes.push_back(InodeOf(made.array));
    most = std::max(most, Written(made.array, kTasks));
    all += Written(made.array, kTasks);
  }
  // Later writes are in later results alone.
  EXPECT_LT(all, most * kTasks);
  std::sort(inodes.begin(), inodes.end());
  EXPECT_EQ(std::unique(inodes.begin(), inodes.end()), inodes.end());
}

TEST(ResultsTest, WhatAWorkerHoldsInOtherWaysIsCopied) {
  constexpr int kTasks = 8;
  int most = 0, all = 0;
  for (const auto& made : RunTasks(kTasks, OfASharedCache)) {
    EXPECT_NE(InodeOf(made->array), made->inode);
    EXPECT_EQ(made->array(kSize - 1), kSize - 1);
    most = std::max(most, Written(made->array, kTasks));
    all += Written(made->array, kTasks);
  }
  EXPECT_LT(all, most * kTasks);
}

std::vector<Array<double>> Twice(int i) {
  const Made made = MakeLarge(i);
  return {made.array, made.array};
}

TEST(ResultsTest, TwoHandlesOfOneArrayArriveAsTwoArrays) {
  auto twice = RunTasks(2, Twice)[1];
  EXPECT_EQ(twice[1](2), 3);
  twice[0].mutable_view()(2) = 0;
  EXPECT_EQ(twice[1](2), 3);
}

// ---- Many.

std::vector<Array<double>> Hundred(int i) {
  std::vector<Array<double>> many;
  for (int k = 0; k < 100; ++k) many.push_back(Make(100 * i + k, 40'000).array);
  return many;
}

TEST(ResultsTest, MoreThanADescriptorSocketHolds) {
  const std::int64_t before = Descriptors();
  {
    const auto all = RunTasks(4, Hundred);
    for (int i = 0; i < 4; ++i) {
      for (int k = 0; k < 100; ++k) {
        const auto& array =
            all[static_cast<std::size_t>(i)][static_cast<std::size_t>(k)];
        EXPECT_EQ(array(1), 100 * i + k + 1);
      }
    }
    EXPECT_GE(MapsOfArrays(), 4 * 64);
    EXPECT_LE(Descriptors(), before + 40);  // Of the pool.
  }
  EXPECT_EQ(MapsOfArrays(), 0);
}

TEST(ResultsTest, ManyLeaveNothing) {
  RunTasks(4, MakeLarge);
  const std::int64_t before = Descriptors();
  for (int round = 0; round < 5; ++round) {
    Parallel parallel(Options());
    std::int64_t i = 0;
    for (const Made& made : parallel.generator(
             each(range(200), [](int n) { return delayed(MakeLarge)(n); }))) {
      EXPECT_EQ(made.array(0), static_cast<double>(i++));
    }
  }
  EXPECT_EQ(Descriptors(), before);
  EXPECT_EQ(MapsOfArrays(), 0);
}

TEST(ResultsTest, WithoutMapsLeftTheyAreRead) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "a sanitizer needs maps for whatever it allocates";
#endif
  RunTasks(2, MakeLarge);  // The workers run.
  // The heap has what it needs.
  mallopt(M_MMAP_THRESHOLD, 1 << 30);
  mallopt(M_TRIM_THRESHOLD, 1 << 30);
  // volatile: else the compiler does without.
  void* volatile heap = std::malloc(std::size_t{400} << 20);
  std::free(heap);
  std::ifstream limit_file("/proc/sys/vm/max_map_count");
  std::size_t limit = 0;
  limit_file >> limit;
  if (limit == 0 || limit > 200'000) GTEST_SKIP() << "too many maps to use up";
  // Neighbours of other permissions are maps of their own.
  constexpr std::size_t kPage = 4096;
  const std::size_t pages = limit + 1;
  void* const room = mmap(nullptr, pages * kPage, PROT_NONE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  ASSERT_NE(room, MAP_FAILED);
  for (std::size_t i = 0; i + 300 < pages; i += 2) {
    if (mprotect(static_cast<char*>(room) + i * kPage, kPage, PROT_READ) != 0) {
      break;
    }
  }
  std::vector<Made> all;
  {
    Parallel parallel(Options());
    for (Made& made : parallel.generator(
             each(range(300), [](int i) { return delayed(MakeLarge)(i); }))) {
      all.push_back(std::move(made));
    }
  }
  munmap(room, pages * kPage);
  ASSERT_EQ(all.size(), 300u);
  int read = 0;
  for (std::size_t i = 0; i < all.size(); ++i) {
    EXPECT_EQ(all[i].array(7), static_cast<double>(i + 7));
    read += InodeOf(all[i].array) == 0 ? 1 : 0;
  }
  EXPECT_GT(read, 0);
}

// ---- Errors.

Made Fail(int i) {
  const Made made = MakeLarge(i);
  if (i == 3) throw std::out_of_range("the third");
  return made;
}
Made Crash(int i) {
  const Made made = MakeLarge(i);
  if (i == 3) std::abort();
  return made;
}
struct Unwilling {
  Array<double> array;
  template <class Archive>
  void save(Archive& archive) const {
    archive(array);
    throw std::runtime_error("unwilling");
  }
  template <class Archive>
  void load(Archive& archive) {
    archive(array);
  }
};
Unwilling MakeUnwilling(int i) { return {MakeLarge(i).array}; }
struct Forgetful {
  Array<double> array;
  template <class Archive>
  void save(Archive& archive) const {
    archive(array);
  }
  template <class Archive>
  void load(Archive&) {}  // Leaves what was handed over where it is.
};
Forgetful MakeForgetful(int i) { return {MakeLarge(i).array}; }

TEST(ResultsTest, TasksThatFailHandNothingOver) {
  EXPECT_THROW(RunTasks(6, Fail), std::out_of_range);
  EXPECT_THROW(RunTasks(6, Crash), joblib::TerminatedWorkerError);
  EXPECT_THROW(RunTasks(3, MakeUnwilling), joblib::PicklingError);
  RunTasks(3, MakeForgetful);
  EXPECT_EQ(MapsOfArrays(), 0);
  const auto all = RunTasks(6, MakeLarge);
  for (int i = 0; i < 6; ++i) {
    EXPECT_EQ(all[static_cast<std::size_t>(i)].array(0), i);
  }
}

// ---- Used further.

double ChangeFirst(Array<double> array) {
  const double first = array(0);
  if (array.writeable()) array.mutable_view()(0) = -5;
  return first;
}
double NestedSum(int i) {
  joblib::ParallelOptions options = Options();
  options.backend = "multiprocessing";
  Parallel parallel(options);
  double sum = 0;
  for (const auto& made : parallel(
           each(range(2), [&](int k) { return delayed(MakeLarge)(i + k); }))) {
    sum += made.array(0);
  }
  return sum;
}

TEST(ResultsTest, TheyAreArraysAsAllOthers) {
  auto made = RunTasks(2, MakeLarge)[1];
  for (const double first : {1.0, 2.0}) {
    made.array.mutable_view()(0) = first;
    auto options = Options();
    options.mmap_mode = "r+";
    Parallel parallel(options);
    const auto seen = parallel(
        each(range(1), [&](int) { return delayed(ChangeFirst)(made.array); }));
    EXPECT_EQ(seen[0], first);
    EXPECT_EQ(made.array(0), first);
  }
  EXPECT_EQ(RunTasks(2, NestedSum)[1], 3);
}

}  // namespace
